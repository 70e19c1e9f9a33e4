import { setTimeout as sleep } from 'node:timers/promises';
import { replaySchema, type Replay } from '@clearway/contracts';
import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { workerOf } from '../operations/client.ts';
import { replayLines, replayProgress } from './render.ts';

const FIRST_LOOK_MS = 150;
const INTERVAL_MS = 1000;

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
  const interrupted = new AbortController();
  const forget = context.onInterrupt?.(() => interrupted.abort());
  try {
    return await follow(context, url, id, json, interrupted.signal);
  } finally {
    forget?.();
  }
}

async function follow(
  context: CliContext,
  url: string,
  id: string,
  json: boolean,
  signal: AbortSignal,
): Promise<ExitCode> {
  let told = '';
  for (let looks = 0; !signal.aborted; looks++) {
    const replay = await readReplay(context, url, id);
    if (!replay) {
      context.error(`There is no replay "${id}"; see clearway dead-letters replays.`);
      return EXIT.problem;
    }
    if (replay.status !== 'RUNNING') return ended(context, replay, json);
    const text = replayProgress(replay);
    if (context.progress) context.progress(text);
    else if (text !== told && !json) context.out(text);
    told = text;
    // one letter is done in a moment
    await sleep(looks < 5 ? FIRST_LOOK_MS : INTERVAL_MS, undefined, { signal }).catch(() => {});
  }
  context.progress?.('');
  context.error(`The replay goes on. See it with: clearway dead-letters replays ${id} --follow`);
  context.error(`End it with: clearway dead-letters cancel-replay ${id} --reason "…"`);
  return EXIT.problem;
}

function ended(context: CliContext, replay: Replay, json: boolean): ExitCode {
  context.progress?.('');
  if (json) context.out(JSON.stringify(replay, null, 2));
  else for (const line of replayLines(replay, context.style)) context.out(line);
  return replay.status === 'COMPLETED' && replay.counts.failed === 0 ? EXIT.ok : EXIT.problem;
}
