import { execFileSync, spawn } from 'node:child_process';
import { chownSync, closeSync, openSync, readSync, fstatSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Binaries } from './binaries.ts';
import type { Cluster } from './cluster.ts';
import { readIfPresent, replaceFile } from './files.ts';
import { commandLine, identifyProcess } from './processes.ts';

const POLL_MS = 15;
/** No system gives out such an id. */
const NO_PROCESS = 2_147_483_646;

/** A server that accepts connections. */
export interface RunningServer {
  readonly pid: number;
  readonly port: number;
}

/** Why a server that was started ended before it was ready. */
export class ServerExit extends Error {
  /** What the server wrote before it ended. */
  readonly log: string;

  constructor(status: string, logFile: string, log: string) {
    const end = log.trim().split('\n').slice(-5).join('\n  ');
    super(`PostgreSQL did not start (${status}); ${logFile} ends with:\n  ${end}`);
    this.name = 'ServerExit';
    this.log = log;
  }

  /** Another program listens on the port. */
  get portTaken(): boolean {
    return /could not bind IPv4 address|Address already in use/.test(this.log);
  }

  /** Another starter was first, or what a killed server left has not ended yet. */
  get passing(): boolean {
    return /lock file "postmaster\.pid" already exists|pre-existing shared memory block/.test(this.log);
  }
}

const pidFile = (cluster: Cluster): string => join(cluster.data, 'postmaster.pid');

/** The server of a cluster as its pid file names it, whether or not it is ready; undefined when none runs. */
export function findServer(cluster: Cluster): (RunningServer & { readonly ready: boolean }) | undefined {
  const lines = readIfPresent(pidFile(cluster))?.split('\n') ?? [];
  const pid = Number(lines[0]);
  if (identifyProcess(pid) === undefined) return undefined;
  const command = commandLine(pid);
  if (command !== undefined && !command.includes(cluster.data)) {
    disownPidFile(cluster, lines);
    return undefined;
  }
  return { pid, port: Number(lines[3]), ready: /^ready/.test(lines[7] ?? '') };
}

/**
 * The machine gave a dead server's id to another program. The file must not go: it also names the shared memory, by
 * which PostgreSQL finds out whether anything of the old server is left.
 */
function disownPidFile(cluster: Cluster, lines: readonly string[]): void {
  replaceFile(pidFile(cluster), [NO_PROCESS, ...lines.slice(1)].join('\n'));
  if (cluster.account) chownSync(pidFile(cluster), cluster.account.uid, cluster.account.gid);
}

/**
 * Starts a server and waits until it is ready.
 *
 * @param settings server settings, by name
 * @throws ServerExit when it ended instead
 */
export async function launchServer(
  cluster: Cluster,
  binaries: Binaries,
  settings: Readonly<Record<string, string | number>>,
  limitMs: number,
): Promise<RunningServer> {
  const log = openSync(cluster.logFile, 'a', 0o600);
  const logStart = fstatSync(log).size;
  const words = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  // detached: Ctrl-C reaches the terminal's whole group, and the application drains before its database stops
  const child = spawn(binaries.program('postgres'), ['-D', cluster.data, ...words], {
    ...(cluster.account && { uid: cluster.account.uid, gid: cluster.account.gid }),
    cwd: cluster.data,
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    detached: true,
    stdio: ['ignore', log, log],
  });
  child.unref();
  closeSync(log);
  let ended: string | undefined;
  child.once('exit', (code, signal) => (ended = signal ?? `exit ${code}`));
  child.once('error', (error) => (ended = error.message));
  for (const limit = performance.now() + limitMs; ;) {
    if (ended !== undefined) throw new ServerExit(ended, cluster.logFile, readFrom(cluster.logFile, logStart));
    const server = findServer(cluster);
    if (server?.ready && server.pid === child.pid) return server;
    if (performance.now() > limit) {
      child.kill('SIGQUIT');
      throw new Error(`PostgreSQL was not ready within ${limitMs} ms: see ${cluster.logFile}`);
    }
    await sleep(POLL_MS);
  }
}

/**
 * Stops the server: open sessions are ended and their transactions rolled back.
 *
 * @throws when it has not ended within `limitMs`, after which it is told to end without a checkpoint
 */
export async function stopServer(cluster: Cluster, binaries: Binaries, pid: number, limitMs = 20_000): Promise<void> {
  const identity = identifyProcess(pid);
  if (identity === undefined) return;
  if (process.platform === 'win32') {
    execFileSync(binaries.program('pg_ctl'), ['stop', '-D', cluster.data, '-m', 'fast']);
    return;
  }
  signal(pid, 'SIGINT');
  if (await gone(pid, identity, limitMs)) return;
  signal(pid, 'SIGQUIT');
  if (await gone(pid, identity, 5000)) return;
  throw new Error(`PostgreSQL (process ${pid}) does not stop: see ${cluster.logFile}`);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function gone(pid: number, identity: string, limitMs: number): Promise<boolean> {
  for (const limit = performance.now() + limitMs; performance.now() < limit; await sleep(POLL_MS))
    if (identifyProcess(pid) !== identity) return true;
  return false;
}

function readFrom(file: string, start: number): string {
  const handle = openSync(file, 'r');
  try {
    const buffer = Buffer.alloc(Math.min(fstatSync(handle).size - start, 64 * 1024));
    readSync(handle, buffer, 0, buffer.length, start);
    return buffer.toString('utf8');
  } finally {
    closeSync(handle);
  }
}

/** A port of the loopback address that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
