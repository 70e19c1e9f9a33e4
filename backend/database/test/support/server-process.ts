import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { EmbeddedPostgresOptions } from '../../src/index.ts';

/** What another process got from the launcher. */
export interface ServerProcess {
  readonly child: ChildProcess;
  readonly port: number;
  readonly pid: number;
  readonly owned: boolean;
  readonly dataDirectory: string;
  readonly url: string;
  readonly error?: string;
  /** Lets the process stop the server as it would at its end. */
  finish(): Promise<void>;
}

const SCRIPT = fileURLToPath(new URL('./start-server.ts', import.meta.url));

/** Starts or attaches in a process of its own. */
export async function startInProcess(
  options: Omit<EmbeddedPostgresOptions, 'onProgress'>,
  how: { script?: string; uid?: number; gid?: number; env?: Record<string, string> } = {},
): Promise<ServerProcess> {
  const words = ['--disable-warning=ExperimentalWarning', how.script ?? SCRIPT, JSON.stringify(options)];
  const child = spawn(process.execPath, words, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: '/usr/bin:/bin', ...how.env },
    cwd: '/',
    ...(how.uid !== undefined && { uid: how.uid, gid: how.gid }),
  });
  const exited = once(child, 'exit');
  const failed = exited.then(([code]) => {
    throw new Error(`the process ended with ${code} before it said anything`);
  });
  failed.catch(() => {}); // at its end it exits, too
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>,
    failed,
  ]);
  const finish = async (): Promise<void> => {
    child.stdin.end();
    await exited;
  };
  return { child, finish, ...(JSON.parse(line) as Omit<ServerProcess, 'child' | 'finish'>) };
}
