import { execFileSync, spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { allowedCpus } from './proc.ts';

/** Which CPU runs the server under test, and which ones run everything else. */
export interface Placement {
  readonly serverCpu: number;
  readonly loadCpus: readonly number[];
}

/** Starts processes in their places and ends them all. */
export interface Helpers {
  readonly placement: Placement;
  /** A process of this folder, beside the generator, with a channel for messages. */
  fork(file: string, args: readonly string[]): ChildProcess;
  /** A server under test, alone on its CPU. */
  startServer(args: readonly string[], options: SpawnOptions): ChildProcess & { readonly pid: number };
  /** Registers what is to be closed once all processes have ended. */
  onStop(release: () => Promise<void>): void;
  /** Ends all, the last first; kills what does not end in time. */
  stop(): Promise<void>;
}

const STOP_LIMIT_MS = 5000;

/**
 * Takes one CPU for the server and the others for the rest; this process moves to the others too.
 *
 * @throws Error when the machine cannot keep them apart
 */
export function openHelpers(): Helpers {
  const placement = place();
  const children: ChildProcess[] = [];
  const releases: (() => Promise<void>)[] = [];
  const start = (cpus: readonly number[], args: readonly string[], options: SpawnOptions): ChildProcess => {
    const child = spawn('taskset', ['-c', cpus.join(','), process.execPath, ...args], options);
    children.push(child);
    return child;
  };
  // the last resort, when this process ends in any other way than by `stop`
  process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));
  return {
    placement,
    fork: (file, args) =>
      start(placement.loadCpus, [path.join(import.meta.dirname, file), ...args], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      }),
    startServer: (args, options) => {
      const child = start([placement.serverCpu], args, options);
      if (child.pid === undefined) throw new Error(`could not start ${args.join(' ')}`);
      return child as ChildProcess & { pid: number };
    },
    onStop: (release) => void releases.push(release),
    async stop() {
      for (const child of children.splice(0).reverse()) await end(child);
      for (const release of releases.splice(0).reverse()) await release();
    },
  };
}

function place(): Placement {
  if (process.platform !== 'linux') throw new Error('the benchmark needs Linux: it reads /proc and pins processes');
  const [serverCpu, ...loadCpus] = allowedCpus(readFileSync('/proc/self/status', 'latin1'));
  if (serverCpu === undefined || loadCpus.length === 0) throw new Error('the benchmark needs two CPUs');
  moveTo(loadCpus);
  return { serverCpu, loadCpus };
}

const MOVE_TRIES = 3;

/** Moves all threads of this process; tried again, since a thread may end between being listed and being moved. */
function moveTo(cpus: readonly number[]): void {
  for (let attempt = 1; ; attempt++) {
    try {
      execFileSync('taskset', ['-a', '-c', '-p', cpus.join(','), String(process.pid)], { stdio: 'pipe' });
      return;
    } catch (error) {
      if (attempt < MOVE_TRIES) continue;
      throw new Error('the benchmark needs taskset (util-linux) to keep the server alone on its CPU', { cause: error });
    }
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  await exited;
  clearTimeout(timer);
}

/** A port of the loopback interface that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
