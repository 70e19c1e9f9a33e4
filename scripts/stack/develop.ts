import { compile, generate } from './build.ts';
import { migrate } from './databases.ts';
import type { StackProcess } from './processes.ts';
import { waitUntilReady } from './ready.ts';
import type { Context } from './context.ts';
import { affectedBy, readWorkspaces, watchSources } from './watch.ts';

/**
 * Watches the sources; after a change compiles, and restarts the processes that it affects. What does not compile is
 * shown, and what runs goes on.
 *
 * @returns stops watching
 */
export function develop(context: Context, processes: readonly StackProcess[]): () => void {
  const { settings, output, signal } = context;
  const workspaces = readWorkspaces(settings.root);
  const apply = async (changed: ReadonlySet<string>, schema: boolean): Promise<void> => {
    const names = [...changed].map((folder) => folder.split('/').at(-1)).join(', ');
    try {
      await output.step(`Compile (${names} changed)`, () => rebuild(context, processes, schema));
    } catch (error) {
      if (!signal.aborted) output.error(`${(error as Error).message}\n  what runs goes on; waiting for a change`);
      return;
    }
    const affected = affectedBy(changed, workspaces);
    const toRestart = processes.filter(({ workspace }) => affected.has(workspace));
    await Promise.all(toRestart.map((entry) => restart(context, entry)));
  };
  output.print('  Watching the sources: a change restarts what it affects\n');
  return watchSources(settings.root, workspaces, apply);
}

async function rebuild(
  { settings, signal }: Context,
  processes: readonly StackProcess[],
  schema: boolean,
): Promise<void> {
  if (schema) await generate(settings.root, signal);
  await compile(settings.root, signal);
  const urls = processes[0]?.spec.env;
  if (schema && urls)
    await migrate(settings.root, { clearway: urls['DATABASE_URL'] ?? '', tracks: urls['TRACKS_DATABASE_URL'] ?? '' });
}

async function restart(
  { supervisor, output, signal }: Context,
  { spec, readyUrls, limitMs }: StackProcess,
): Promise<void> {
  const ended = new AbortController();
  const either = AbortSignal.any([signal, ended.signal]);
  try {
    await output.step(`Restart ${spec.name}`, async () => {
      await supervisor.restart(spec);
      void supervisor.endOf(spec.name)?.then(() => ended.abort());
      await Promise.all(readyUrls.map((url) => waitUntilReady(url, { limitMs, signal: either })));
    });
  } catch (error) {
    // that it ended was told, and why
    if (!either.aborted) output.error(`  ${spec.name} is not ready: ${(error as Error).message}`);
  }
}
