import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Compression } from './dumper.ts';

/** What the engine may use of the machine. */
export interface MachineTools {
  /** The process's variables: PATH is searched, and PG* and HOME are passed on to PostgreSQL's programs. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** A pg_dump to use instead of looking for one; `null`: none, also when there is one. */
  readonly pgDump?: string | null | undefined;
  /** The same of a zstd. */
  readonly zstd?: string | null | undefined;
}

/** A program of PostgreSQL on this machine. */
export interface FoundProgram {
  readonly program: string;
  readonly major: number;
  /** Such as `15.18`. */
  readonly version: string;
}

/** Where distributions and installers keep the programs of one major version each; `*` stands for a folder's name. */
const USUAL_PLACES = [
  '/usr/lib/postgresql/*/bin',
  '/usr/pgsql-*/bin',
  '/opt/homebrew/opt/postgresql@*/bin',
  '/usr/local/opt/postgresql@*/bin',
  '/opt/homebrew/opt/libpq/bin',
  '/Applications/Postgres.app/Contents/Versions/*/bin',
  'C:\\Program Files\\PostgreSQL\\*\\bin',
];

/** A pg_dump, and how it compresses by itself. */
export interface FoundPgDump extends FoundProgram {
  readonly compressions: readonly Compression[];
}

/**
 * Finds the pg_dump to use: of those that are not older than the server the one nearest to it, since what a newer one
 * writes may not be understood by an older server.
 *
 * @returns undefined when there is none, or none that is new enough
 */
export async function findPgDump(serverMajor: number, tools: MachineTools): Promise<FoundPgDump | undefined> {
  if (tools.pgDump === null) return undefined;
  const programs = tools.pgDump === undefined ? candidates(tools) : [tools.pgDump];
  const found = await Promise.all(programs.map(identify));
  const [nearest] = found
    .filter((pgDump) => pgDump !== undefined)
    .filter(({ major }) => major >= serverMajor)
    .sort((a, b) => a.major - b.major);
  return nearest && { ...nearest, compressions: (await knowsZstd(nearest, tools)) ? ['gzip', 'zstd'] : ['gzip'] };
}

/**
 * Whether a pg_dump was built with zstd, as it can be from 16 on. It refuses several jobs with this format after the
 * compression, and before it connects.
 */
async function knowsZstd({ program, major }: FoundProgram, tools: MachineTools): Promise<boolean> {
  if (major < 16) return false;
  const args = ['--format=custom', '--compress=zstd', '--jobs=2'];
  const said = await promisify(execFile)(program, args, { env: programVariables(tools), timeout: 10_000 }).catch(
    ({ stderr }: { stderr?: unknown }) => String(stderr),
  );
  return typeof said === 'string' && said.includes('parallel backup');
}

const ZSTD = /Zstandard CLI|zstd command line interface/i;

/** Finds an installed zstd that runs; on Windows programs cannot read from each other, so none is looked for. */
export async function findZstd(tools: MachineTools): Promise<string | undefined> {
  if (tools.zstd === null || process.platform === 'win32') return undefined;
  const programs = foldersOfPath(tools).map((folder) => programIn(folder, 'zstd'));
  const program = tools.zstd ?? programs.find((file) => existsSync(file));
  return program !== undefined && ZSTD.test(await versionOf(program)) ? program : undefined;
}

const foldersOfPath = ({ variables }: MachineTools): string[] =>
  (variables['PATH'] ?? '').split(path.delimiter).filter(Boolean);

function candidates(tools: MachineTools): string[] {
  const folders = [...foldersOfPath(tools), ...USUAL_PLACES.flatMap(expand)];
  return [...new Set(folders.map((folder) => programIn(folder, 'pg_dump')))].filter((file) => existsSync(file));
}

const programIn = (folder: string, name: string): string =>
  path.join(folder, process.platform === 'win32' ? `${name}.exe` : name);

/** An installed PostgreSQL server, by the folder of its programs. */
export interface InstalledServer {
  readonly folder: string;
  readonly major: number;
}

/** Finds the programs of an installed server of a major version: they need not run, nor its service. */
export async function findInstalledServer(major: number): Promise<InstalledServer | undefined> {
  const folders = USUAL_PLACES.flatMap(expand).filter((folder) =>
    ['initdb', 'postgres', 'pg_ctl'].every((name) => existsSync(programIn(folder, name))),
  );
  const found = await Promise.all(
    folders.map(async (folder) => ({ folder, program: await identify(programIn(folder, 'postgres')) })),
  );
  const fitting = found.find(({ program }) => program?.major === major);
  return fitting && { folder: fitting.folder, major };
}

/** Folders that a pattern with one `*` matches. */
function expand(pattern: string): string[] {
  const star = pattern.indexOf('*');
  if (star < 0) return [pattern];
  const parent = pattern.slice(0, Math.max(pattern.lastIndexOf('/', star), pattern.lastIndexOf('\\', star)));
  const [prefix = '', suffix = ''] = pattern.slice(parent.length + 1).split('*');
  try {
    return readdirSync(parent)
      .filter((name) => name.startsWith(prefix))
      .map((name) => `${path.join(parent, name)}${suffix}`);
  } catch {
    return [];
  }
}

async function identify(program: string): Promise<FoundProgram | undefined> {
  const match = /\(PostgreSQL\) ((\d+)[.\w]*)/.exec(await versionOf(program));
  return match ? { program, version: match[1] ?? '', major: Number(match[2]) } : undefined;
}

/** What a program says of itself; nothing when it cannot: Debian's wrapper without any version behind it, say. */
async function versionOf(program: string): Promise<string> {
  return promisify(execFile)(program, ['--version'], { timeout: 10_000 }).then(
    ({ stdout }) => stdout,
    () => '',
  );
}

const PASSED_ON = /^(PATH|HOME|USERPROFILE|SYSTEMROOT|TMPDIR|LD_LIBRARY_PATH|PG(?!PASSWORD|PASSFILE|SERVICE)[A-Z]+)$/i;

/** The variables that PostgreSQL's programs are given: theirs, and messages in English. */
export function programVariables({ variables }: MachineTools): Record<string, string> {
  const own = Object.entries(variables).filter(
    (entry): entry is [string, string] => PASSED_ON.test(entry[0]) && entry[1] !== undefined,
  );
  return { ...Object.fromEntries(own), LC_ALL: 'C', PGTZ: 'UTC' };
}
