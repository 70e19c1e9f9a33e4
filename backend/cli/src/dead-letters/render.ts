import type { DeadLetter, DeadLetterGroup, DeadLetterRun, DeadLetterSummary, Replay } from '@clearway/contracts';
import { duration, shortTime } from '../jobs/render.ts';
import { safe, shorten, type Style } from '../terminal/style.ts';
import type { Column } from '../terminal/table.ts';

const WIDEST_ERROR = 60;

export const LETTER_COLUMNS: readonly Column[] = [
  { title: 'DEAD LETTER' },
  { title: 'JOB' },
  { title: 'STATUS' },
  { title: 'SINCE' },
  { title: 'TRIES', align: 'right' },
  { title: 'SIGNATURE' },
  { title: 'ERROR' },
];

/** A letter as a row of the list. */
export function letterRow(letter: DeadLetterSummary, style: Style): string[] {
  return [
    letter.id,
    letter.jobId,
    statusOf(letter, style),
    shortTime(letter.createdAt),
    String(letter.attempts),
    letter.signature,
    errorText(letter),
  ];
}

export const GROUP_COLUMNS: readonly Column[] = [
  { title: 'SIGNATURE' },
  { title: 'JOB' },
  { title: 'PENDING', align: 'right' },
  { title: 'FAILED', align: 'right' },
  { title: 'REPLAYED', align: 'right' },
  { title: 'DONE', align: 'right' },
  { title: 'FIRST SEEN' },
  { title: 'LAST SEEN' },
  { title: 'ERROR' },
];

/** A group as a row of the list. */
export function groupRow(group: DeadLetterGroup, style: Style): string[] {
  const { pending, failed, processing, succeeded } = group.counts;
  return [
    group.signature,
    group.jobId,
    pending > 0 ? style('red', String(pending)) : '0',
    failed > 0 ? style('red', String(failed)) : '0',
    String(processing),
    String(succeeded),
    shortTime(group.firstSeenAt),
    shortTime(group.lastSeenAt),
    errorText(group),
  ];
}

export const REPLAY_COLUMNS: readonly Column[] = [
  { title: 'REPLAY' },
  { title: 'STATUS' },
  { title: 'BY' },
  { title: 'SINCE' },
  { title: 'OF', align: 'right' },
  { title: 'SUCCEEDED', align: 'right' },
  { title: 'FAILED', align: 'right' },
  { title: 'WHY' },
];

/** A replay as a row of the list. */
export function replayRow(replay: Replay, style: Style): string[] {
  return [
    replay.replayId,
    replayStatus(replay, style),
    safe(replay.actor),
    shortTime(replay.createdAt),
    String(replay.total),
    String(replay.counts.succeeded),
    String(replay.counts.failed),
    shorten(safe(replay.reason), WIDEST_ERROR),
  ];
}

/** How far a replay is, in a line. */
export function replayProgress({ counts, total, stage, isCanary, stop }: Replay): string {
  const over = total - counts.waiting - counts.released;
  const percent = total > 0 ? Math.floor((100 * over) / total) : 100;
  const where = stop ? 'stopping' : isCanary ? `canary, ${stage === 'rest' ? 'the rest' : stage}` : 'replaying';
  const failed = counts.failed > 0 ? `, ${counts.failed} failed` : '';
  return `${where}: ${over} of ${total} (${percent} %), ${counts.succeeded} succeeded${failed}, ${counts.released} running`;
}

/** What became of a replay, in lines. */
export function replayLines(replay: Replay, style: Style): string[] {
  const { counts, total, stop } = replay;
  const parts = (['succeeded', 'failed', 'withdrawn', 'skipped', 'waiting', 'released'] as const)
    .filter((part) => counts[part] > 0)
    .map((part) => `${counts[part]} ${part}`);
  return [
    `replay ${replay.replayId}: ${replayStatus(replay, style)}, ${parts.join(', ') || 'nothing'} of ${total}`,
    `by ${safe(replay.actor)} at ${replay.createdAt}: ${safe(replay.reason)}`,
    ...(stop ? [style('red', safe(stop.message))] : []),
    ...(stop?.deadLetterId === undefined ? [] : [`see clearway dead-letters show ${stop.deadLetterId}`]),
  ];
}

/** A letter, whole, in lines. */
export function letterLines(letter: DeadLetter, style: Style): string[] {
  const failedWith = letter.error === undefined ? letter.errorName : `${letter.errorName ?? 'Error'}: ${letter.error}`;
  return [
    `${letter.jobId}: ${statusOf(letter, style)}, dead since ${letter.createdAt} after ${letter.attempts} tries, by ${letter.trigger ?? 'unknown'}`,
    `dead letter ${letter.id}, event ${letter.eventId ?? 'unknown'}, signature ${letter.signature}`,
    ...(letter.traceId === null
      ? []
      : [`trace ${letter.traceUrl ?? `${letter.traceId}, see it with: clearway explain ${letter.traceId}`}`]),
    ...(letter.requestId === null ? [] : [`request ${safe(letter.requestId)}`]),
    ...(letter.key == null ? [] : [`key ${safe(letter.key)}`]),
    ...(letter.isKeyDone ? [style('yellow', 'its key has succeeded meanwhile: a replay finds nothing to do')] : []),
    ...(letter.discardedAt === null
      ? []
      : [
          `discarded by ${safe(letter.discardedBy ?? 'somebody')} at ${letter.discardedAt}: ${safe(letter.discardReason ?? '')}`,
        ]),
    '',
    style('red', safe(failedWith ?? 'Error')),
    ...(letter.causes ?? []).map(({ name, message }) => `caused by ${safe(`${name}: ${message}`)}`),
    ...(letter.stack ?? '')
      .split('\n')
      .filter((line) => /^\s+at /.test(line))
      .slice(0, 8)
      .map(safe),
    ...eventLines('event', letter.event),
    ...eventLines('event as it was edited', letter.editedEvent),
    '',
    ...(letter.runs.length === 0 ? ['Its runs are not kept any more.'] : letter.runs.map((run) => runLine(run, style))),
    ...letter.replays.map(
      (replay) => `replayed by ${safe(replay.actor)} at ${replay.at}: ${replay.status}, ${safe(replay.reason)}`,
    ),
  ];
}

function eventLines(name: string, event: unknown): string[] {
  return event === undefined ? [] : ['', `${name} ${safeJson(event)}`];
}

/** JSON of several lines; what could move a cursor is escaped in it already, or taken out. */
function safeJson(event: unknown): string {
  return JSON.stringify(event, null, 2).split('\n').map(safe).join('\n');
}

function runLine(run: DeadLetterRun, style: Style): string {
  const took = run.durationMs === null ? '' : ` after ${duration(run.durationMs)}`;
  const error = run.error ? `, ${shorten(safe(`${run.error.name}: ${run.error.message}`), WIDEST_ERROR)}` : '';
  const state = run.status === 'SUCCEEDED' ? style('green', run.status) : style('red', run.status);
  return `try ${run.attempt} by ${run.trigger} at ${run.startedAt}: ${state}${took}${error}, run ${run.runId}`;
}

function statusOf({ status, discardedAt }: Pick<DeadLetterSummary, 'status' | 'discardedAt'>, style: Style): string {
  if (discardedAt !== null) return style('gray', 'discarded');
  if (status === 'SUCCEEDED') return style('green', status);
  return status === 'PROCESSING' ? style('yellow', status) : style('red', status);
}

function replayStatus({ status, counts }: Replay, style: Style): string {
  if (status === 'RUNNING') return style('yellow', status);
  return style(status === 'COMPLETED' && counts.failed === 0 ? 'green' : 'red', status);
}

function errorText({ errorName, error }: { readonly errorName: string | null; readonly error?: string }): string {
  const text = error === undefined ? (errorName ?? '') : `${errorName ?? 'Error'}: ${error}`;
  return shorten(safe(text.split('\n', 1)[0] ?? ''), WIDEST_ERROR);
}
