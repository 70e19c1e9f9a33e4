import { replaySchema, type Replay } from '@clearway/contracts';
import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { workerOf } from '../operations/client.ts';
import { follow } from '../operations/follow.ts';
import { replayLines, replayProgress } from './render.ts';

/** One replay; undefined when there is none. */
export function readReplay(context: CliContext, url: string, id: string): Promise<Replay | undefined> {
  return workerOf(context, url).get(`/api/dead-letters/replays/${encodeURIComponent(id)}`, replaySchema);
}

/**
 * Shows a replay until it ends. Whoever interrupts only stops looking: the workers go on with it.
 *
 * @returns 1 when it was stopped, or a letter failed again
 */
export async function followReplay(context: CliContext, url: string, id: string, json: boolean): Promise<ExitCode> {
  const replay = await follow(
    context,
    {
      read: () => readReplay(context, url, id),
      isOver: ({ status }) => status !== 'RUNNING',
      progress: replayProgress,
    },
    json,
  );
  if (replay === 'unknown') {
    context.error(`There is no replay "${id}"; see clearway dead-letters replays.`);
    return EXIT.problem;
  }
  if (replay === 'interrupted') {
    context.error(`The replay goes on. See it with: clearway dead-letters replays ${id} --follow`);
    context.error(`End it with: clearway dead-letters cancel-replay ${id} --reason "…"`);
    return EXIT.problem;
  }
  if (json) context.out(JSON.stringify(replay, null, 2));
  else for (const line of replayLines(replay, context.style)) context.out(line);
  return replay.status === 'COMPLETED' && replay.counts.failed === 0 ? EXIT.ok : EXIT.problem;
}
