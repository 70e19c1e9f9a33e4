import { setTimeout as sleep } from 'node:timers/promises';
import { defineJob, type Jobs } from '@clearway/jobs';
import { z } from 'zod';
import { atMost, type Bar } from './proof.ts';

/** How the job works. */
export interface TransferSettings {
  /** How many run at once in a process. */
  readonly concurrency?: number;
  /** How long a run takes on average, in milliseconds. */
  readonly workMs?: number;
}

/** A job that adds a row when it succeeds: the effect that must happen exactly once. */
export function transferJob({ concurrency = 20, workMs = 150 }: TransferSettings = {}) {
  return defineJob({
    id: 'transfer',
    input: z.object({ number: z.int() }),
    retries: 50,
    backoff: { minMs: 1000, maxMs: 2000 },
    concurrency,
    timeoutMs: 30_000,
    idempotencyKey: ({ number }) => `transfer-${number}`,
    run: async ({ number }, { effect, signal, runId }) => {
      await sleep(workMs * (0.5 + Math.random()), undefined, { signal });
      effect((sql) => sql.query('INSERT INTO transfers (number, run_id) VALUES ($1, $2)', [number, runId]));
    },
  });
}

/** Makes the table of the effects. */
export async function createTransfers({ connections }: Jobs): Promise<void> {
  await connections.query('CREATE TABLE transfers (number int NOT NULL, run_id uuid NOT NULL)');
}

/** Enqueues at a rate and remembers what was answered for; what was refused may or may not be there. */
export class TransferClient {
  readonly accepted = new Set<number>();
  readonly #jobs: Jobs;
  readonly #job = transferJob();
  #next = 0;

  constructor(jobs: Jobs) {
    this.#jobs = jobs;
  }

  /** Resolves when the time is over, or at the signal, and each event was answered for or refused. */
  async enqueueFor(seconds: number, perSecond: number, signal?: AbortSignal): Promise<void> {
    const startMs = performance.now();
    const pending: Promise<void>[] = [];
    for (let elapsed = 0; elapsed < seconds && !signal?.aborted; elapsed = (performance.now() - startMs) / 1000) {
      while (pending.length < elapsed * perSecond) pending.push(this.#enqueue(this.#next++));
      await sleep(1000 / perSecond);
    }
    await Promise.all(pending);
  }

  #enqueue(number: number): Promise<void> {
    return this.#jobs.enqueue(this.#job, { number }).then(
      () => void this.accepted.add(number),
      () => {},
    );
  }
}

const DRAIN_LIMIT_SECONDS = 180;

/** Waits until nothing is open, for some minutes at most. */
export async function untilDone({ connections }: Jobs, progress: (text: string) => void): Promise<number> {
  const startMs = performance.now();
  for (let looks = 0; ; looks++) {
    const waitedSeconds = Math.round((performance.now() - startMs) / 1000);
    const open = await connections.query<{ open: number }>(OPEN).then(
      ({ rows }) => rows[0]?.open ?? 0,
      () => 1,
    );
    if (open === 0 || waitedSeconds > DRAIN_LIMIT_SECONDS) return waitedSeconds;
    if (looks % 20 === 0) progress(`${open} events open`);
    await sleep(250);
  }
}

const OPEN = "SELECT count(*)::int AS open FROM pgboss.job WHERE name = 'transfer' AND state < 'completed'";

/** What was done, and what was counted. */
export interface Counted {
  readonly numbers: ReadonlySet<number>;
  readonly effects: number;
  readonly successes: number;
  readonly executions: number;
  readonly runs: number;
  readonly lost: number;
}

export async function countAll({ connections }: Jobs): Promise<Counted> {
  const { rows: numbers } = await connections.query<{ number: number }>('SELECT number FROM transfers');
  const { rows } = await connections.query<Omit<Counted, 'numbers' | 'effects'>>(`
    SELECT success_count AS successes, total_executions AS executions,
      (SELECT count(*) FROM job_runs WHERE status NOT IN ('RUNNING', 'CANCELLED', 'DUPLICATE'))::int AS runs,
      (SELECT count(*) FROM job_runs WHERE status = 'LOST')::int AS lost
    FROM job_metrics WHERE job_id = 'transfer'`);
  const counts = rows[0] ?? { successes: 0, executions: 0, runs: 0, lost: 0 };
  return { ...counts, numbers: new Set(numbers.map((row) => row.number)), effects: numbers.length };
}

/** Nothing lost, nothing done twice, nothing counted twice. */
export function barsOf(accepted: ReadonlySet<number>, seen: Counted): Bar[] {
  const missing = [...accepted].filter((number) => !seen.numbers.has(number));
  return [
    atMost('accepted events that were not done', missing.length, 0),
    atMost('effects done more than once', seen.effects - seen.numbers.size, 0),
    atMost('difference of successes counted and effects', Math.abs(seen.successes - seen.effects), 0),
    atMost('difference of runs kept and runs counted', Math.abs(seen.runs - seen.executions), 0),
  ];
}
