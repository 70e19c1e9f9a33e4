import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { ServerAccount } from './account.ts';
import type { Binaries } from './binaries.ts';
import { besides, moveIntoPlace } from './files.ts';
import { identifyProcess } from './processes.ts';

/** The account's name inside the server. */
export const SUPERUSER = 'postgres';

/** A cluster on disk: PostgreSQL's own directory, and beside it what PostgreSQL's account need not read. */
export interface Cluster {
  readonly directory: string;
  /** PostgreSQL's data directory. */
  readonly data: string;
  readonly logFile: string;
  readonly password: string;
  /** Who runs its server, when it is not the caller. */
  readonly account: ServerAccount | undefined;
}

/**
 * Opens the cluster in `directory`, and makes it first when there is none. It is made beside its place and moved there
 * whole, so neither an interruption nor several starters at once can leave half of one.
 *
 * @param directory made with all it holds
 * @param how `durable` makes sure that a new one outlives a crash of the machine
 * @throws when it was made by another major version, or cannot be read by the caller
 */
export async function openCluster(
  directory: string,
  account: ServerAccount | undefined,
  binaries: Binaries,
  how: { readonly durable: boolean; readonly onProgress: (message: string) => void },
): Promise<Cluster> {
  if (!existsSync(join(directory, 'password'))) {
    how.onProgress(`making a PostgreSQL ${binaries.version} cluster in ${directory}`);
    await makeCluster(directory, account, binaries, how.durable ? [] : ['--no-sync']);
  }
  const data = join(directory, 'data');
  checkReadable(directory, data);
  checkMajor(data, binaries);
  return {
    directory,
    data,
    logFile: join(directory, 'postgres.log'),
    password: readFileSync(join(directory, 'password'), 'utf8').trim(),
    account: account && ownerOf(data, account),
  };
}

async function makeCluster(
  directory: string,
  account: ServerAccount | undefined,
  binaries: Binaries,
  options: readonly string[],
): Promise<void> {
  sweepDrafts(directory);
  const draft = besides(directory);
  const data = join(draft, 'data');
  mkdirSync(draft, { mode: 0o700 });
  if (account) chmodSync(draft, 0o711);
  mkdirSync(data, { mode: 0o700 });
  const password = randomBytes(24).toString('base64url');
  writeFileSync(join(draft, 'password'), `${password}\n`, { mode: 0o600 });
  const handOver = join(draft, 'initdb-password');
  writeFileSync(handOver, `${password}\n`, { mode: 0o600 });
  if (account) for (const path of [data, handOver]) chownSync(path, account.uid, account.gid);
  try {
    await runInitdb(binaries.program('initdb'), ['-D', data, '--pwfile', handOver, ...options], data, account);
    rmSync(handOver);
    moveIntoPlace(draft, directory);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

async function runInitdb(
  program: string,
  options: readonly string[],
  cwd: string,
  account: ServerAccount | undefined,
): Promise<void> {
  const usual = ['-U', SUPERUSER, '-A', 'scram-sha-256', '-E', 'UTF8', '--locale=C', '--no-instructions'];
  const identity = account && { uid: account.uid, gid: account.gid };
  try {
    await promisify(execFile)(program, [...options, ...usual], {
      ...identity,
      cwd,
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    });
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw new Error(`initdb failed: ${stderr?.trim() || message}`, { cause: error });
  }
}

/** Removes what interrupted starters left behind. */
function sweepDrafts(directory: string): void {
  const prefix = `${basename(directory)}.`;
  for (const name of readdirSync(dirname(directory))) {
    const maker = name.startsWith(prefix) && /^(\d+)-[0-9a-f]{8}$/.exec(name.slice(prefix.length))?.[1];
    if (maker && identifyProcess(Number(maker)) === undefined)
      rmSync(join(dirname(directory), name), { recursive: true, force: true });
  }
}

function checkReadable(directory: string, data: string): void {
  const uid = process.getuid?.();
  const owner = statSync(directory).uid;
  if (uid === undefined || uid === 0 || owner === uid) return;
  throw new Error(
    `the database in ${dirname(data)} belongs to another account (uid ${owner}): start as that account, ` +
      `or remove the directory to begin with an empty database`,
  );
}

function checkMajor(data: string, binaries: Binaries): void {
  const major = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim();
  if (major === binaries.major) return;
  throw new Error(
    `the database in ${dirname(data)} was made by PostgreSQL ${major}, and the embedded server is ${binaries.version}: ` +
      `dump it with a server of version ${major} and restore it, or remove the directory to begin with an empty database`,
  );
}

/** Root may find a cluster that a normal user made: its files must stay that user's. */
function ownerOf(data: string, account: ServerAccount): ServerAccount {
  const { uid, gid } = statSync(data);
  return uid === account.uid ? account : { name: String(uid), uid, gid };
}
