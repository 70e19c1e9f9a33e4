import type { BackupEvent, BackupEventType, TellBackupEvent } from '@clearway/backups';
import { Option } from '@commander-js/extra-typings';
import type { CliContext } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Acting } from './act.ts';

/** Tells an event to the channels that the variables name, and says of those that could not be reached why. */
export async function tellNotices(context: CliContext, event: BackupEvent): Promise<boolean> {
  const { openNotices } = await import('@clearway/backups');
  const outcomes = await openNotices(context.variables).tell(event);
  for (const { channel, problem } of outcomes) {
    if (problem !== undefined) context.error(`warning: the notice to ${channel} did not leave: ${problem}`);
  }
  return outcomes.some(({ problem }) => problem === undefined);
}

export const notifyOption = new Option(
  '--notify',
  'tell the channels of the notices what comes of it, also where somebody sits at a terminal',
);

/** What a command says of itself to whoever is told. */
export interface TellingOptions {
  /** Whether it was asked for. Where nobody sits at a terminal it is told anyway. */
  readonly notify: true | undefined;
  /** What a failure is called. */
  readonly failed: BackupEventType;
  /** As it was named; nothing else is told of an address. */
  readonly database: string | undefined;
}

/** The work of a command that tells the channels of the notices what comes of it. */
export function telling(
  context: CliContext,
  options: TellingOptions,
  work: (acting: Acting, tell: TellBackupEvent) => Promise<ExitCode>,
): (acting: Acting) => Promise<ExitCode> {
  return (acting) => workAndTell(context, options, (tell) => work(acting, tell));
}

async function workAndTell(
  context: CliContext,
  options: TellingOptions,
  work: (tell: TellBackupEvent) => Promise<ExitCode>,
): Promise<ExitCode> {
  const isTold = options.notify === true || context.ask === undefined;
  const { asBackupFailure, failureEvent } = await import('@clearway/backups');
  const told: Promise<unknown>[] = [];
  const tell: TellBackupEvent = (event) => isTold && told.push(tellNotices(context, event));
  try {
    return await work(tell);
  } catch (error) {
    const failure = asBackupFailure(error, 'dump-failed');
    // who comes second, or stops it, knows
    const isKnown = failure.reason === 'locked' || failure.reason === 'interrupted';
    const event = failureEvent(options.failed, nameOf(options.database), failure, { nowMs: context.clock.nowMs() });
    if (!isKnown) tell(event);
    throw error;
  } finally {
    await Promise.all(told);
  }
}

/** The name of a database in a URL, or what was written in its place. */
function nameOf(database = 'clearway'): string {
  if (!URL.canParse(database)) return database;
  return decodeURIComponent(new URL(database).pathname.slice(1)) || 'clearway';
}
