import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const SCOPE = '@clearway/';

interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** A project of a user, outside of the repository. */
export interface InstalledProject {
  readonly folder: string;
  remove(): void;
}

/**
 * Makes a project with packages of this repository as `npm pack` makes them. Each package stands alone and finds what its
 * own manifest declares, and nothing else: a file that `files` leaves out, or a dependency that is not declared, is
 * missing here as it would be for a user. Packages of others come from this repository's own installation.
 *
 * @param options `imported`: folders below `backend` whose packages the project itself depends on
 */
export function installPacked(options: { imported: readonly string[]; others: readonly string[] }): InstalledProject {
  const folder = mkdtempSync(path.join(tmpdir(), 'clearway-project-'));
  const store = path.join(folder, 'store');
  const project = path.join(folder, 'project');
  mkdirSync(store);
  for (const [name, at] of pack(withDependencies(options.imported), store)) linkDependencies(name, at, store);
  mkdirSync(project);
  const dependencies = [...options.imported.map((name) => SCOPE + name), ...options.others];
  writeFileSync(path.join(project, 'package.json'), JSON.stringify({ name: 'front-door', type: 'module' }));
  for (const name of dependencies) link(name, path.join(project, 'node_modules'), { store, from: ROOT });
  return { folder: project, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The folders of packages, and of those of ours that they declare. */
function withDependencies(folders: readonly string[]): string[] {
  const all = new Set<string>();
  const add = (name: string): void => {
    if (all.has(name)) return;
    all.add(name);
    const { dependencies = {} } = readManifest(path.join(ROOT, 'backend', name));
    for (const each of Object.keys(dependencies)) if (each.startsWith(SCOPE)) add(each.slice(SCOPE.length));
  };
  folders.forEach(add);
  return [...all];
}

/** Packs all at once and unpacks each into a folder of its own. */
function pack(folders: readonly string[], store: string): Map<string, string> {
  const workspaces = folders.flatMap((name) => ['-w', `backend/${name}`]);
  const run = (...args: string[]): void => void execFileSync('npm', args, { cwd: ROOT, stdio: 'pipe' });
  run('pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', store, ...workspaces);
  return new Map(
    folders.map((name) => {
      const at = path.join(store, name);
      mkdirSync(at);
      const { version } = JSON.parse(readFileSync(path.join(ROOT, 'backend', name, 'package.json'), 'utf8')) as {
        version: string;
      };
      execFileSync('tar', [
        '-xzf',
        path.join(store, `clearway-${name}-${version}.tgz`),
        '-C',
        at,
        '--strip-components=1',
      ]);
      return [name, at];
    }),
  );
}

function linkDependencies(name: string, at: string, store: string): void {
  const manifest = readManifest(at);
  if (manifest.private) throw new Error(`${manifest.name} is private: what depends on it could not be installed`);
  for (const [entry, { types = '', default: file = '' }] of Object.entries(manifest.exports)) {
    const missing = [types, file].filter((each) => !existsSync(path.join(at, each)));
    if (missing.length > 0) throw new Error(`${manifest.name} exports ${entry}, but packs no ${missing.join(', ')}`);
  }
  const from = path.join(ROOT, 'backend', name);
  for (const each of Object.keys(manifest.dependencies ?? {}))
    link(each, path.join(at, 'node_modules'), { store, from });
}

/** Links a package: ours from the packed ones, others' as Node finds them from a folder of the repository. */
function link(name: string, modules: string, { store, from }: { store: string; from: string }): void {
  const target = name.startsWith(SCOPE) ? path.join(store, name.slice(SCOPE.length)) : find(name, from);
  const at = path.join(modules, name);
  mkdirSync(path.dirname(at), { recursive: true });
  symlinkSync(target, at, 'junction');
}

function find(name: string, from: string): string {
  for (let folder = from; ; folder = path.dirname(folder)) {
    const candidate = path.join(folder, 'node_modules', name);
    if (existsSync(candidate)) return candidate;
    if (folder === path.dirname(folder)) throw new Error(`${name} is not installed`);
  }
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Manifest;
}
