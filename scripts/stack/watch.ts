import { globSync, readFileSync, watch, type FSWatcher } from 'node:fs';
import path from 'node:path';

const QUIET_MS = 150;
const WATCHED = ['src', 'prisma'];
const IGNORED = /(^|[\\/])(generated|node_modules|dist)([\\/]|$)|(~|\.swp|\.tmp)$/;

/** A workspace of the clone and what it depends on. */
export interface Workspace {
  readonly folder: string;
  readonly name: string;
  readonly dependencies: readonly string[];
}

/** All workspaces that can be built. */
export function readWorkspaces(root: string): Workspace[] {
  return globSync('{backend,examples}/*/package.json', { cwd: root, exclude: ['**/node_modules/**'] }).map((file) => {
    const { name, dependencies = {} } = JSON.parse(readFileSync(path.join(root, file), 'utf8')) as {
      name: string;
      dependencies?: Record<string, string>;
    };
    return { folder: path.dirname(file).replaceAll('\\', '/'), name, dependencies: Object.keys(dependencies) };
  });
}

/** The folders of the changed workspaces and of all that depend on them, directly or not. */
export function affectedBy(changed: ReadonlySet<string>, workspaces: readonly Workspace[]): Set<string> {
  const affected = new Set(changed);
  for (let before = -1; before !== affected.size;) {
    before = affected.size;
    const names = new Set(workspaces.filter(({ folder }) => affected.has(folder)).map(({ name }) => name));
    for (const { folder, dependencies } of workspaces)
      if (dependencies.some((name) => names.has(name))) affected.add(folder);
  }
  return affected;
}

/**
 * Watches the sources of all workspaces.
 *
 * @param onChange gets the folders of the changed workspaces once it has been quiet for a moment, and whether a
 *   Prisma schema is among the changes; never called again while it still works
 * @returns stops watching
 */
export function watchSources(
  root: string,
  workspaces: readonly Workspace[],
  onChange: (changed: ReadonlySet<string>, schema: boolean) => Promise<void>,
): () => void {
  let changed = new Set<string>();
  let schema = false;
  let busy = false;
  let timer: NodeJS.Timeout | undefined;
  const flush = async () => {
    if (busy || changed.size === 0) return;
    const [folders, hasSchema] = [changed, schema];
    [changed, schema, busy] = [new Set(), false, true];
    await onChange(folders, hasSchema);
    busy = false;
    await flush();
  };
  const note = (folder: string, part: string, file: string | null) => {
    if (file === null || IGNORED.test(file)) return;
    changed.add(folder);
    schema ||= part === 'prisma';
    clearTimeout(timer);
    timer = setTimeout(() => void flush(), QUIET_MS);
  };
  const watchers = workspaces.flatMap(({ folder }) =>
    WATCHED.flatMap((part): FSWatcher[] => {
      try {
        return [watch(path.join(root, folder, part), { recursive: true }, (_event, file) => note(folder, part, file))];
      } catch {
        return []; // it has no such folder
      }
    }),
  );
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}
