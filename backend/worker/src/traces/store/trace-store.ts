import type { DatabaseSync } from 'node:sqlite';
import type { LogsData, TracesData } from '@clearway/contracts';
import type { LogsDelivery, SpansDelivery } from '../otlp/delivery.ts';
import { logItems, spanItems, type Item } from './items.ts';
import { findTraces, type TracePage, type TraceSearch } from './find-traces.ts';
import { giveBack, openDatabase, reopenDatabase, type OpenedDatabase } from './open-database.ts';
import { logsOf, tracesOf } from './read-trace.ts';
import { removeOldest, RETENTION_NAMES, RetentionTotals } from './retention.ts';
import { storeSizes, type StoreSizes } from './sizes.ts';
import { isBrokenFile, isFull, isSqliteError } from './sqlite-errors.ts';
import { prepareStatements, type Statements } from './statements.ts';
import { writeBatch, type TraceBounds } from './write-batch.ts';
import { itemBytes, WriteQueue } from './write-queue.ts';

/** How a trace store is opened. */
export interface TraceStoreOptions {
  /** Where its files lie. */
  readonly folder: string;
  /** Of all its files together. */
  readonly limitBytes: number;
  /** Default 2000 spans and 2000 log records. */
  readonly bounds?: TraceBounds;
  /** How long what was accepted waits for more of it, in milliseconds. Default 100. */
  readonly delayMs?: number;
  /** Told what an operator should know: a file moved aside, a disk that refuses. */
  readonly onProblem: (message: string) => void;
}

/** Why a span or a log record is not in the store. */
export type DropCause = 'queue_full' | 'too_large' | 'trace_full' | 'disk';

/** The store's own figures. */
export interface TraceStoreStats {
  readonly stored: { readonly spans: number; readonly logs: number };
  readonly dropped: Readonly<Record<DropCause, number>>;
  /** Traces that were removed to make room, and traces that are there, by retention class. */
  readonly evicted: Readonly<Record<string, number>>;
  readonly traces: Readonly<Record<string, number>>;
  /** Bytes of the database that hold something. */
  readonly usedBytes: number;
  readonly limitBytes: number;
  readonly queued: number;
  readonly onDisk: boolean;
}

const DEFAULT_BOUNDS: TraceBounds = { spans: 2000, logs: 2000 };
const MAX_ITEM_BYTES = 256 * 1024;
/** Of a store without a disk. */
const MAX_MEMORY_BYTES = 32 * 1024 * 1024;

/**
 * Recent traces on disk. What is accepted waits a moment in memory and is then written in one transaction; a read writes
 * what waits first, so it sees all that was accepted. When the bytes are used up, ordinary traces are removed first, then
 * slow ones, then failed ones, the oldest of each first.
 *
 * A file that is broken is moved aside; a disk that refuses makes it drop and count, never fail.
 *
 * @example
 * const store = new TraceStore({ folder: '.data/traces', limitBytes: 256 * 2 ** 20, onProblem: console.error });
 * store.acceptSpans(decodeSpans(body));
 * store.trace(traceId)?.resourceSpans;
 */
export class TraceStore {
  readonly #options: TraceStoreOptions;
  #sizes: StoreSizes;
  readonly #queue: WriteQueue;
  readonly #stored = { spans: 0, logs: 0 };
  readonly #dropped: Record<DropCause, number> = { queue_full: 0, too_large: 0, trace_full: 0, disk: 0 };
  readonly #evicted = RETENTION_NAMES.map(() => 0);
  #database!: DatabaseSync;
  #statements!: Statements;
  #totals!: RetentionTotals;
  #onDisk = false;
  #timer: NodeJS.Timeout | undefined;
  #refusing = false;
  #closed = false;

  constructor(options: TraceStoreOptions) {
    this.#options = options;
    this.#sizes = storeSizes(options.limitBytes);
    this.#queue = new WriteQueue(this.#sizes.queueBytes);
    this.#use(openDatabase(options.folder, this.#sizes));
    this.#shrink();
    giveBack(this.#database, this.#sizes);
  }

  /** Whether nothing more is accepted for the moment. */
  get isFull(): boolean {
    return this.#queue.isFull;
  }

  /** Accepts spans. Returns how many had to be refused. */
  acceptSpans(delivery: SpansDelivery): number {
    return this.#accept(spanItems(delivery));
  }

  /** Accepts log records. Returns how many had to be refused. */
  acceptLogs(delivery: LogsDelivery): number {
    return this.#accept(logItems(delivery));
  }

  /** A trace in OTLP's JSON; undefined when it is not known. */
  trace(traceId: string): TracesData | undefined {
    return this.#read((statements) => tracesOf(statements, traceId), undefined);
  }

  /** The log records of a trace in OTLP's JSON; undefined when it is not known. */
  logs(traceId: string): LogsData | undefined {
    return this.#read((statements) => logsOf(statements, traceId), undefined);
  }

  /** Traces with spans, newest first. */
  find(search: TraceSearch): TracePage {
    return this.#read(() => findTraces(this.#database, search), { traces: [] });
  }

  /** Writes what waits. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#queue.length > 0) this.#writeNext();
  }

  stats(): TraceStoreStats {
    const named = (figures: readonly number[]) =>
      Object.fromEntries(RETENTION_NAMES.map((name, retention) => [name, figures[retention] ?? 0]));
    return {
      stored: { ...this.#stored },
      dropped: { ...this.#dropped },
      evicted: named(this.#evicted),
      traces: named(this.#totals.traces),
      usedBytes: this.#closed ? 0 : this.#read((statements) => statements.usedBytes(), 0, false),
      limitBytes: this.#options.limitBytes,
      queued: this.#queue.length,
      onDisk: this.#onDisk,
    };
  }

  /** Writes what waits and closes the file. Nothing may be asked of the store afterwards. */
  close(): void {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
    this.#database.close();
  }

  #accept(items: Iterable<Item>): number {
    let refused = 0;
    for (const item of items) {
      if (itemBytes(item) > MAX_ITEM_BYTES) this.#dropped.too_large++;
      else if (!this.#queue.push(item)) this.#dropped.queue_full++;
      else continue;
      refused++;
    }
    if (this.#queue.length > 0) this.#timer ??= setTimeout(() => this.#writeAndRest(), this.#options.delayMs ?? 100);
    return refused;
  }

  /** Writes one batch and lets others run before the next one. */
  #writeAndRest(): void {
    this.#timer = undefined;
    this.#writeNext();
    if (this.#queue.length > 0) this.#timer = setTimeout(() => this.#writeAndRest(), 1);
  }

  #writeNext(): void {
    const items = this.#queue.take(this.#sizes.batchBytes);
    try {
      this.#write(items);
      if (this.#refusing) this.#options.onProblem('the trace store can be written again');
      this.#refusing = false;
    } catch (error) {
      this.#dropped.disk += items.length;
      this.#afterFailure(error);
    }
  }

  /** A batch in one transaction; when the bound is hit all the same, once more after room was made. */
  #write(items: readonly Item[]): void {
    try {
      this.#writeOnce(items);
    } catch (error) {
      if (!isFull(error)) throw error;
      this.#removeBytes(this.#sizes.batchBytes * 2);
      this.#writeOnce(items);
    }
    this.#shrink();
  }

  #writeOnce(items: readonly Item[]): void {
    const bounds = this.#options.bounds ?? DEFAULT_BOUNDS;
    const outcome = this.#transaction(() => writeBatch(this.#statements, this.#totals, items, bounds));
    this.#stored.spans += outcome.spans;
    this.#stored.logs += outcome.logs;
    this.#dropped.trace_full += outcome.traceFull;
  }

  /** Removes traces until the database is below its bound. */
  #shrink(): void {
    for (let excess = this.#excessBytes(); excess > 0; excess = this.#excessBytes()) {
      if (!this.#removeBytes(excess)) break;
    }
  }

  #excessBytes(): number {
    return this.#statements.usedBytes() - this.#sizes.highBytes;
  }

  #removeBytes(bytes: number): boolean {
    const removed = this.#transaction(() => removeOldest(this.#statements, this.#totals, bytes));
    removed.forEach((count, retention) => (this.#evicted[retention] = (this.#evicted[retention] ?? 0) + count));
    return removed.some((count) => count > 0);
  }

  #transaction<T>(work: () => T): T {
    this.#statements.begin.run();
    try {
      const result = work();
      this.#statements.commit.run();
      return result;
    } catch (error) {
      // some errors end the transaction by themselves
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      this.#totals = new RetentionTotals(this.#statements);
      throw error;
    }
  }

  #read<T>(work: (statements: Statements) => T, otherwise: T, flushFirst = true): T {
    if (flushFirst) this.flush();
    try {
      return work(this.#statements);
    } catch (error) {
      if (!isSqliteError(error)) throw error;
      this.#afterFailure(error);
      return otherwise;
    }
  }

  #afterFailure(error: unknown): void {
    if (isBrokenFile(error)) return this.#replaceFile(error);
    if (!this.#refusing) this.#options.onProblem(`the trace store cannot be written: ${(error as Error).message}`);
    this.#refusing = true;
  }

  #replaceFile(broken: unknown): void {
    try {
      this.#database.close();
    } catch {
      // it is given up anyway
    }
    this.#use(reopenDatabase(this.#options.folder, this.#sizes, broken));
  }

  #use({ database, onDisk, problem }: OpenedDatabase): void {
    this.#database = database;
    this.#onDisk = onDisk;
    if (!onDisk) this.#sizes = storeSizes(Math.min(this.#options.limitBytes, MAX_MEMORY_BYTES));
    this.#statements = prepareStatements(database);
    this.#totals = new RetentionTotals(this.#statements);
    if (problem !== undefined) this.#options.onProblem(problem);
  }
}
