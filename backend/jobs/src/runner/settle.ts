import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '@clearway/kernel';
import type { PgBoss } from 'pg-boss';
import { replaysWithdrawn, replaySucceeded } from '../dead-letters/replayed.ts';
import type { Effect } from '../definition/job-context.ts';
import { recordSuccess, releaseKey } from '../ledger/ledger.ts';
import { isConnectionProblem, type Connections, type Sql } from '../queue/connections.ts';
import type { EventData } from '../queue/event.ts';
import { asDatabase, QUEUE_SCHEMA } from '../queue/open-queue.ts';
import { keepError, type KeptError } from '../runs/kept-error.ts';
import { endRun, lockRun, type RunEnd } from '../runs/run-records.ts';
import type { ActiveRun } from './active-run.ts';

/** How long the end of a run is tried to be written down while the database does not answer. */
const SETTLE_LIMIT_MS = 5 * 60_000;
const LONGEST_PAUSE_MS = 5000;

/** What came of a run, before it is written down. */
export interface Outcome {
  readonly end: RunEnd;
  readonly durationMs: number;
  readonly itemsProcessed?: number | undefined;
  /** JSON text. */
  readonly output?: string | null;
  readonly error?: KeptError;
  /** Whether trying again is pointless. */
  readonly isPermanent?: boolean;
  /** Work to commit together with a success. */
  readonly effects?: readonly Effect[];
}

/** What settling needs. */
export interface SettleOptions {
  readonly boss: PgBoss;
  readonly connections: Connections;
  readonly run: ActiveRun;
  readonly event: EventData;
}

/** Rolls the transaction back: the run is not ours any more. */
class Superseded extends Error {}
/** Rolls the transaction back: the key has succeeded before. */
class KeyTaken extends Error {}
/** Rolls the transaction back: an effect refused. */
class EffectFailed extends Error {}

/**
 * Writes down how a run ended, in one transaction with the queue, the metrics, the ledger of keys and the run's effects:
 * all of it or nothing. Tries again while the database does not answer; what cannot be written down in the end is found
 * by the queue, which gives the event to another run.
 *
 * @returns how it ended in truth: a success whose key was taken is a duplicate, one whose effects failed a failure
 */
export async function settle(options: SettleOptions, outcome: Outcome): Promise<RunEnd | 'superseded'> {
  const untilMs = performance.now() + SETTLE_LIMIT_MS;
  let current = outcome;
  for (let attempt = 1; ; attempt++) {
    try {
      await options.connections.transaction((sql) => write(sql, options, current));
      return current.end;
    } catch (error) {
      if (error instanceof Superseded) return 'superseded';
      if (error instanceof KeyTaken) current = { end: 'DUPLICATE', durationMs: current.durationMs };
      else if (error instanceof EffectFailed) current = failure(error.cause, current.durationMs);
      else if (!isConnectionProblem(error) || performance.now() > untilMs) throw error;
      else await sleep(backoffMs(attempt, { baseMs: 100, maxMs: LONGEST_PAUSE_MS }));
    }
  }
}

/** The outcome of a run that threw. */
export function failure(error: unknown, durationMs: number, end: RunEnd = 'FAILED'): Outcome {
  const isPermanent = (error as Error | undefined)?.name === 'PermanentFailure';
  return { end, durationMs, error: keepError(error), isPermanent };
}

async function write(sql: Sql, options: SettleOptions, outcome: Outcome): Promise<void> {
  const { run } = options;
  const status = await lockRun(sql, run.runId);
  if (status === outcome.end) return; // the answer to an earlier commit was lost
  if (status !== 'RUNNING') throw new Superseded();
  if (outcome.end === 'SUCCEEDED') await commitSuccess(sql, options, outcome);
  else if (outcome.end === 'DUPLICATE') await complete(sql, options, null);
  else if (outcome.end === 'CANCELLED') await giveUp(sql, options);
  else await fail(sql, options, outcome);
  await endRun(sql, run, {
    end: outcome.end,
    durationMs: outcome.durationMs,
    itemsProcessed: outcome.itemsProcessed,
    output: outcome.output ?? null,
    error: outcome.error,
    logs: run.lines.toJson(),
    progress: run.progressJson(),
  });
}

async function commitSuccess(sql: Sql, options: SettleOptions, outcome: Outcome): Promise<void> {
  const { run, event } = options;
  const output = outcome.output ?? null;
  const { jobId, eventId, runId } = run;
  if (event.key !== undefined && !(await recordSuccess(sql, { jobId, eventId, runId, key: event.key, output }))) {
    throw new KeyTaken();
  }
  await complete(sql, options, output);
  for (const effect of outcome.effects ?? []) await applyEffect(sql, effect);
}

async function applyEffect(sql: Sql, effect: Effect): Promise<void> {
  try {
    await effect({ query: (text, values) => sql.query(text, values && [...values]) as never });
  } catch (error) {
    throw isConnectionProblem(error) ? error : new EffectFailed('an effect failed', { cause: error });
  }
}

async function complete(sql: Sql, { boss, run, event }: SettleOptions, output: string | null): Promise<void> {
  const data = output === null ? undefined : { value: JSON.parse(output) as unknown };
  const result = (await boss.complete(run.jobId, run.eventId, data, {
    db: asDatabase(sql),
    // taken back by the queue meanwhile, but not yet begun again: done is done
    includeQueued: true,
  })) as { affected: number };
  if (result.affected === 0) throw new Superseded();
  if (event.deadLetterId !== undefined) await replaySucceeded(sql, run.eventId);
}

/** Cancelled by a person: the event is over. Ended with its process: the event goes back, and no try is used up. */
async function giveUp(sql: Sql, { boss, run, event }: SettleOptions): Promise<void> {
  const { jobId, eventId } = run;
  if (run.stopped === 'shutdown') return void (await sql.query(GIVE_BACK, [jobId, eventId]));
  await boss.cancel(jobId, eventId, { db: asDatabase(sql) });
  await releaseKey(sql, jobId, eventId);
  if (event.deadLetterId !== undefined) await replaysWithdrawn(sql, [eventId]);
}

const GIVE_BACK = `UPDATE ${QUEUE_SCHEMA}.job SET state = 'created', started_on = NULL, heartbeat_on = NULL
  WHERE name = $1 AND id = $2 AND state = 'active'`;

async function fail(sql: Sql, { boss, run }: SettleOptions, outcome: Outcome): Promise<void> {
  if (outcome.isPermanent) await sql.query(NO_MORE_TRIES, [run.jobId, run.eventId]);
  await boss.fail(run.jobId, run.eventId, { ...outcome.error, runId: run.runId }, { db: asDatabase(sql) });
}

const NO_MORE_TRIES = `UPDATE ${QUEUE_SCHEMA}.job SET retry_limit = retry_count WHERE name = $1 AND id = $2 AND state = 'active'`;
