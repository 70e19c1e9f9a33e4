import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

/** What the processes are told. */
export interface JobWorkerSettings {
  readonly connectionString: string;
  readonly heartbeatSeconds: number;
  readonly concurrency: number;
  readonly workMs: number;
}

/** Processes that run jobs, and are killed while they do. */
export interface JobWorkers {
  /** Kills one of them with SIGKILL and starts another in its place; answers with the process id of the dead one. */
  killOne(): Promise<number>;
  readonly kills: () => number;
  stop(): Promise<void>;
}

/** Starts so many processes; resolves when all of them work. */
export async function startJobWorkers(count: number, settings: JobWorkerSettings): Promise<JobWorkers> {
  const children = await Promise.all(Array.from({ length: count }, () => startOne(settings)));
  let kills = 0;
  return {
    async killOne() {
      const index = Math.floor(Math.random() * children.length);
      const { pid = 0 } = children[index]!;
      await kill(children[index]);
      kills++;
      children[index] = await startOne(settings);
      return pid;
    },
    kills: () => kills,
    stop: async () => void (await Promise.all(children.map(kill))),
  };
}

async function startOne(settings: JobWorkerSettings): Promise<ChildProcess> {
  const child = fork(path.join(import.meta.dirname, 'job-worker-child.ts'), [JSON.stringify(settings)], {
    execArgv: ['-C', '@clearway/source', '--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`a job process ended before it worked: ${String(code ?? signal)}`);
  });
  await Promise.race([once(child, 'message'), ended]);
  ended.catch(() => {});
  return child;
}

async function kill(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
