import { PgBoss, type Db } from 'pg-boss';
import type { AnyJob } from '../definition/define-job.ts';
import type { Connections, Sql } from './connections.ts';

/** The schema that holds the queues. */
export const QUEUE_SCHEMA = 'pgboss';
/** Where events go after their last try, of all jobs. */
export const DEAD_LETTER_QUEUE = 'clearway.dead-letters';

const TEN_YEARS_SECONDS = 10 * 365 * 86_400;
const DAY_SECONDS = 86_400;
/** The process stops a run itself; the queue only takes back what a process forgot. */
const EXPIRY_MARGIN_SECONDS = 60;
/** More than the longest time limit: pg-boss allows no more than a day. */
const LONGEST_EXPIRY_SECONDS = 86_399;

/** How often the queue looks after itself. */
export interface QueueTimes {
  /** After how long without a sign of life a run counts as lost, in seconds; at least 10. */
  readonly heartbeatSeconds: number;
  /** How often lost and expired runs are looked for, in seconds. */
  readonly superviseSeconds: number;
}

/** Opens pg-boss on the given connections and brings its schema up to date. Schedules are fired by us (ADR 19). */
export async function openQueue(
  connections: Connections,
  times: QueueTimes,
  onProblem: (error: Error) => void,
): Promise<PgBoss> {
  const boss = new PgBoss({
    db: asDatabase(connections),
    schema: QUEUE_SCHEMA,
    schedule: false,
    superviseIntervalSeconds: times.superviseSeconds,
    monitorIntervalSeconds: times.superviseSeconds,
    queueCacheIntervalSeconds: times.superviseSeconds,
  });
  boss.on('error', onProblem);
  await boss.start();
  return boss;
}

/** pg-boss speaks through a connection of ours: the pool, or a transaction. */
export function asDatabase(sql: Sql): Db {
  return { executeSql: (text, values) => sql.query(text, values) };
}

/** Makes the queue of a job as its definition says, or changes it to that. */
export async function prepareQueue(boss: PgBoss, job: AnyJob, times: QueueTimes): Promise<void> {
  const { settings } = job;
  const { minMs, maxMs } = settings.backoff;
  const options = {
    retryLimit: settings.retries,
    retryDelay: Math.ceil(minMs / 1000),
    retryBackoff: true,
    retryDelayMax: Math.ceil(maxMs / 1000),
    expireInSeconds: Math.min(Math.ceil(settings.timeoutMs / 1000) + EXPIRY_MARGIN_SECONDS, LONGEST_EXPIRY_SECONDS),
    heartbeatSeconds: times.heartbeatSeconds,
    retentionSeconds: TEN_YEARS_SECONDS,
    deleteAfterSeconds: DAY_SECONDS,
    deadLetter: DEAD_LETTER_QUEUE,
  };
  await ensureQueue(boss, settings.id, { ...options, policy: settings.exclusive ? 'singleton' : 'standard' });
  await boss.updateQueue(settings.id, options);
}

/** Makes the queue of the dead letters: what lies in it is never given up. */
export async function prepareDeadLetterQueue(boss: PgBoss): Promise<void> {
  const options = {
    retryLimit: 1000,
    retryDelay: 1,
    retryBackoff: true,
    retryDelayMax: 300,
    // what a process took and did not write is for another soon
    expireInSeconds: EXPIRY_MARGIN_SECONDS,
    retentionSeconds: TEN_YEARS_SECONDS,
    deleteAfterSeconds: DAY_SECONDS,
  };
  await ensureQueue(boss, DEAD_LETTER_QUEUE, options);
  await boss.updateQueue(DEAD_LETTER_QUEUE, options);
}

async function ensureQueue(boss: PgBoss, name: string, options: Parameters<PgBoss['createQueue']>[1]): Promise<void> {
  const existing = await boss.getQueue(name);
  if (!existing) return boss.createQueue(name, options);
  const policy = options?.policy ?? 'standard';
  if (existing.policy === policy) return;
  const [was, is] = [existing.policy === 'singleton', policy === 'singleton'];
  throw new Error(
    `job "${name}": exclusive was ${was} when its queue was made and is ${is} now, which a queue cannot change. Give the job a new id, or delete the queue when it is empty.`,
  );
}
