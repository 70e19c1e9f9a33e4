import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { inReadOnly, runOne } from '../read-only/in-read-only.ts';
import { queryError, type QueryError } from '../read-only/query-error.ts';
import type { SampleKey } from '../read-only/read-offending.ts';
import { batchQuery } from './batch-query.ts';
import type { Reference } from './reference.ts';

/** How hard a scan may work. */
export interface Pacing {
  /** Share of the time in which a batch runs; the rest is left to the traffic. Percent. */
  readonly sharePercent: number;
  /** How long one batch should take, in milliseconds; its rows are chosen so. */
  readonly batchMs: number;
  /** How long one batch may take at most, in milliseconds. */
  readonly timeoutMs: number;
  readonly lockTimeoutMs: number;
}

/** How far a scan is. It can be kept as JSON and gone on with by another process. */
export interface ScanState {
  /** Of the reference: another definition begins anew. */
  readonly definition: string;
  readonly startedAt: string;
  /** Key of the last row seen, or the next block of a table without key; null before the first batch. */
  readonly after: readonly string[] | null;
  readonly scannedRows: number;
  readonly violations: number;
  readonly sample: readonly SampleKey[];
  /** Time that the batches took, in milliseconds. */
  readonly busyMs: number;
  readonly batchRows: number;
}

/** Where a scan stopped. */
export interface ScanOutcome {
  readonly state: ScanState;
  /** The whole table was seen. */
  readonly isComplete: boolean;
  /** Why it stopped before its time; it goes on from here the next time. */
  readonly stopped: QueryError | undefined;
}

/** What a scan is given besides the reference. */
export interface ScanOptions {
  readonly pacing: Pacing;
  /** How many keys of offending rows are kept. */
  readonly sampleSize: number;
  /** When to stop, as `performance.now()` counts. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

const FIRST_BATCH_ROWS = 500;
const MIN_BATCH_ROWS = 50;
const MAX_BATCH_ROWS = 20_000;
const MAX_PAUSE_MS = 5000;
const BLOCKS_PER_ROWS = 50;

/** The state before the first batch. */
export function beginScan(reference: Reference, now: Date): ScanState {
  const definition = definitionOf(reference);
  const nothing = { after: null, scannedRows: 0, violations: 0, sample: [], busyMs: 0, batchRows: FIRST_BATCH_ROWS };
  return { definition, startedAt: now.toISOString(), ...nothing };
}

/** Whether a kept state is one of this reference as it is now. */
export function canGoOn(reference: Reference, state: ScanState): boolean {
  return state.definition === definitionOf(reference);
}

function definitionOf({ estimatedRows: _, ...definition }: Reference): string {
  return createHash('sha256').update(JSON.stringify(definition)).digest('hex').slice(0, 16);
}

/**
 * Looks for rows that refer to nothing, batch by batch in the order of the key, each batch in a short transaction of its own. Between two
 * batches it rests, the longer the slower the server answers.
 *
 * @param client connected, with no transaction open
 * @param from where to go on
 */
export async function scan(
  client: pg.ClientBase,
  reference: Reference,
  from: ScanState,
  options: ScanOptions,
): Promise<ScanOutcome> {
  const { pacing, deadlineMs, signal } = options;
  let state = from;
  while (!signal?.aborted && performance.now() < deadlineMs) {
    const startMs = performance.now();
    try {
      const batch = await runBatch(client, reference, state, options);
      const tookMs = performance.now() - startMs;
      state = advanced(state, batch, { tookMs, pacing, sampleSize: options.sampleSize });
      if (batch.isLast) return { state, isComplete: true, stopped: undefined };
      if (!(await rest(tookMs, options))) break;
    } catch (error) {
      const stopped = queryError(error, pacing.timeoutMs);
      const canShrink = stopped.problem === 'timeout' && state.batchRows > MIN_BATCH_ROWS;
      if (!canShrink) return { state, isComplete: false, stopped };
      state = { ...state, batchRows: Math.max(MIN_BATCH_ROWS, Math.trunc(state.batchRows / 8)) };
      if (!(await rest(performance.now() - startMs, options))) break;
    }
  }
  return { state, isComplete: false, stopped: undefined };
}

interface Batch {
  readonly scanned: number;
  readonly violations: number;
  readonly after: readonly string[] | null;
  readonly sample: readonly SampleKey[];
  readonly isLast: boolean;
}

interface BatchRow {
  readonly scanned: number;
  readonly violations: number;
  readonly last: readonly string[] | null;
  readonly sample: readonly SampleKey[] | null;
}

async function runBatch(
  client: pg.ClientBase,
  reference: Reference,
  state: ScanState,
  { pacing, sampleSize }: ScanOptions,
): Promise<Batch> {
  const hasKey = reference.key.length > 0;
  const position = hasKey && state.after === null ? 'first' : 'after';
  const sql = batchQuery(reference, position, state.batchRows, sampleSize);
  return inReadOnly(client, pacing, async () => {
    // each row of the batch looks its parent up by index: a plan that reads the whole parent would do so in every batch
    await client.query('SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off');
    const window = hasKey ? undefined : await nextBlocks(client, reference, state);
    const values = window ? [window.from, window.to] : (state.after ?? []);
    const { rows } = await client.query<BatchRow>({ text: sql, values: [...values] });
    const { scanned = 0, violations = 0, last = null, sample } = rows[0] ?? {};
    const after = window ? [String(window.to)] : (last ?? state.after);
    const isLast = window ? window.isLast : scanned < state.batchRows;
    return { scanned, violations, after, sample: sample ?? [], isLast };
  });
}

/** A table without a key is read by its blocks; rows that move meanwhile may be seen twice or not at all. */
async function nextBlocks(client: pg.ClientBase, { child }: Reference, { after, batchRows }: ScanState) {
  const { rows } = await runOne<{ blocks: number }>(
    client,
    `SELECT (pg_relation_size(c.oid) / current_setting('block_size')::int)::int AS blocks FROM pg_class c
       JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = ${pg.escapeLiteral(child.schema)} AND c.relname = ${pg.escapeLiteral(child.name)}`,
  );
  const blocks = rows[0]?.blocks ?? 0;
  const from = Number(after?.[0] ?? 0);
  const to = from + Math.max(1, Math.trunc(batchRows / BLOCKS_PER_ROWS));
  return { from, to, isLast: to >= blocks };
}

function advanced(
  state: ScanState,
  batch: Batch,
  { tookMs, pacing, sampleSize }: { tookMs: number; pacing: Pacing; sampleSize: number },
): ScanState {
  const factor = Math.min(2, Math.max(0.25, pacing.batchMs / Math.max(tookMs, 1)));
  return {
    ...state,
    after: batch.after,
    scannedRows: state.scannedRows + batch.scanned,
    violations: state.violations + batch.violations,
    sample: [...state.sample, ...batch.sample].slice(0, sampleSize),
    busyMs: state.busyMs + tookMs,
    batchRows: Math.round(Math.min(MAX_BATCH_ROWS, Math.max(MIN_BATCH_ROWS, state.batchRows * factor))),
  };
}

/**
 * Rests as long as the share asks for.
 *
 * @returns whether there is time for another batch: the rest of a rest is the time until the next pass
 */
async function rest(busyMs: number, { pacing, deadlineMs, signal }: ScanOptions): Promise<boolean> {
  const pauseMs = Math.min(busyMs * (100 / pacing.sharePercent - 1), MAX_PAUSE_MS);
  if (performance.now() + pauseMs >= deadlineMs) return false;
  await sleep(pauseMs, undefined, { ...(signal && { signal }) }).catch(() => undefined);
  return true;
}
