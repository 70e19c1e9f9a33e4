import type { DatabaseCheck, DatabaseEvent, DatabaseResources, DatabaseThresholds } from '@clearway/contracts';
import { systemClock, type Clock } from '@clearway/kernel';
import { indexNames } from '../indexes/queries.ts';
import type { LostIndex } from '../indexes/lost-indexes.ts';
import { CheckBoard } from '../judge/check-board.ts';
import { fullFindings, indexesFinding } from '../judge/full-findings.ts';
import { quickFindings, type QuickKnowledge } from '../judge/quick-findings.ts';
import { ResourceWatch } from '../resources/resource-watch.ts';
import type { ResourceFigures } from '../resources/resource-reader.ts';
import { daysUntil, growthOf, type Growth, type SizePoint } from '../sizes/growth.ts';
import type { QuerySpans } from '../slow-queries/callers.ts';
import { skippedOf, valueOf } from './answer.ts';
import { runPass, type Asker } from './ask-all.ts';
import { UnreachableError } from './connection-problem.ts';
import { fullQuestions, type FullAnswers } from './full-pass.ts';
import { Identity } from './identity.ts';
import { Lane } from './lane.ts';
import { QuickMemory } from './quick-knowledge.ts';
import { quickQuestions } from './quick-pass.ts';

/** One database as it is to be watched. */
export interface WatchSettings {
  readonly id: string;
  readonly label: string;
  /** Asked at each connection; throws an Error that says why when there is no address at the moment. */
  readonly connectionString: () => string;
  readonly quickSeconds: number;
  readonly fullSeconds: number;
  readonly quotaBytes?: number | undefined;
  readonly thresholds: DatabaseThresholds;
  readonly resources?: DatabaseResources | undefined;
}

/** What else a watch uses. */
export interface WatchOptions {
  readonly clock?: Clock;
  /** Where the spans of queries are, to find the routes and traces that issue them. */
  readonly spans?: QuerySpans;
  /** Hears of everything that happens to the database. */
  readonly onEvent?: (event: DatabaseEvent) => void;
}

/** What one pass found. */
export interface PassResult<T> {
  readonly at: string;
  readonly durationMs: number;
  /** Questions that were not answered, with the reason. */
  readonly skipped: Readonly<Record<string, string>>;
  /** Undefined when the database did not answer at all. */
  readonly known: T | undefined;
}

const QUICK = { connectTimeoutMs: 3000, statementTimeoutMs: 2000, lockTimeoutMs: 300 };
const FULL = { connectTimeoutMs: 5000, statementTimeoutMs: 15_000, lockTimeoutMs: 500 };
const QUICK_DEADLINE_MS = 8000;
const FULL_DEADLINE_MS = 60_000;
const MAX_SIZE_POINTS = 2000;
const NO_ANSWER = 'the database does not answer';
/** Above every limit: an overloaded server must not be asked by more than these. */
const MAX_CONNECTIONS = 2;
const MAX_INDEX_ROWS = 10_000;
const SPANS_BEFORE_MS = 900_000;
const QUICK_CHECKS = [
  'connections',
  'lock_wait',
  'idle_in_transaction',
  'query_time',
  'error_rate',
  'deadlocks',
  'sequential_reads',
  'replication_lag',
  'replication_slots',
] as const;
const FULL_CHECKS = ['size', 'wraparound', 'sequences'] as const;

/**
 * Watches one PostgreSQL database: asks it over at most two connections, one for the passes that are cheap and one for
 * those that are not, and judges what it finds. What cannot be answered is skipped with a reason and never counts as well.
 * Results stay in memory, and asking for them asks the database nothing.
 *
 * States: unknown before the first pass; then each quick pass finds the database reachable or not. While it is not, every
 * quick pass tries to connect again; what is learned from several passes (rates, trends) begins anew with another server.
 *
 * @example
 * const watch = new DatabaseWatch(settings);
 * await watch.quick();
 * watch.checks.find(({ id }) => id === 'connections')?.status; // 'ok'
 */
export class DatabaseWatch {
  readonly settings: WatchSettings;
  readonly #clock: Clock;
  readonly #options: WatchOptions;
  readonly #quickLane: Lane;
  readonly #fullLane: Lane;
  readonly #memory = new QuickMemory();
  readonly #identity = new Identity();
  readonly #board: CheckBoard;
  readonly #resources: ResourceWatch;
  #sizes: SizePoint[] = [];
  #spansSinceMs: number;
  #reachable: boolean | undefined;
  #quick: PassResult<QuickKnowledge> | undefined;
  #full: PassResult<FullAnswers> | undefined;
  #quickRunning: Promise<PassResult<QuickKnowledge>> | undefined;
  #fullRunning: Promise<PassResult<FullAnswers>> | undefined;
  #indexFingerprint: string | null | undefined;
  /** Who uses the second connection takes turns. */
  #turn: Promise<unknown> = Promise.resolve();
  #lent = new AbortController();
  #isFullWaiting = false;
  #isReplaced = false;

  constructor(settings: WatchSettings, options: WatchOptions = {}) {
    this.settings = settings;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#board = new CheckBoard(() => this.#clock.nowMs(), options.onEvent);
    this.#board.skip(FULL_CHECKS, 'known from the first full pass on');
    this.#resources = new ResourceWatch(settings, this.#clock);
    this.#spansSinceMs = this.#clock.nowMs() - SPANS_BEFORE_MS;
    const lane = { connectionString: settings.connectionString, applicationName: 'clearway-monitor' };
    this.#quickLane = new Lane({ ...lane, ...QUICK });
    this.#fullLane = new Lane({ ...lane, ...FULL });
  }

  /** Open connections to the database: 2 at most. */
  get connections(): number {
    return this.#quickLane.connections + this.#fullLane.connections;
  }

  /** Whether the last pass got an answer; undefined before the first. */
  get reachable(): boolean | undefined {
    return this.#reachable;
  }

  /** How everything stands. */
  get checks(): readonly DatabaseCheck[] {
    return this.#board.checks;
  }

  /** What happened, the newest first. */
  get events(): readonly DatabaseEvent[] {
    return this.#board.events;
  }

  /** What the last quick pass found. */
  get lastQuick(): PassResult<QuickKnowledge> | undefined {
    return this.#quick;
  }

  /** What the last full pass found. */
  get lastFull(): PassResult<FullAnswers> | undefined {
    return this.#full;
  }

  /** Whether a full pass is worth while before its time: the last one got no answer, or one of another server. */
  get wantsFull(): boolean {
    const isUnanswered = this.#full !== undefined && this.#full.known === undefined;
    return this.#reachable === true && (isUnanswered || this.#isReplaced);
  }

  /** Who the server is. */
  get server(): Identity['server'] {
    return this.#identity.server;
  }

  /** What passes remember: callers of queries, lost indexes. */
  get memory(): QuickMemory {
    return this.#memory;
  }

  /** The last processor and memory figures. */
  get figures(): ResourceFigures | undefined {
    return this.#resources.figures;
  }

  /** What time it is, by the clock of the passes. */
  nowMs(): number {
    return this.#clock.nowMs();
  }

  /** How fast the database grows. */
  get growth(): Growth | undefined {
    return growthOf(this.#sizes);
  }

  /** Takes over what an earlier process measured, so that the trend does not begin anew. */
  restoreSizes(points: readonly SizePoint[]): void {
    this.#sizes = [...points, ...this.#sizes].sort((a, b) => a.atMs - b.atMs).slice(-MAX_SIZE_POINTS);
  }

  /** Asks what is cheap to answer. A second call while one runs is the same pass. Never rejects for the database's sake. */
  quick(): Promise<PassResult<QuickKnowledge>> {
    this.#quickRunning ??= this.#runQuick().finally(() => (this.#quickRunning = undefined));
    return this.#quickRunning;
  }

  /** Asks everything else. A second call while one runs is the same pass. Never rejects for the database's sake. */
  full(): Promise<PassResult<FullAnswers>> {
    this.#fullRunning ??= this.#takeTurn().finally(() => (this.#fullRunning = undefined));
    return this.#fullRunning;
  }

  /**
   * Lends the second connection to other work on the database, such as integrity checks: the work opens one of its own and
   * ends it. Full passes come first: the work waits for the one under way, and is told by its signal to make room for another.
   */
  lend<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      this.#lent = new AbortController();
      if (this.#isFullWaiting) this.#lent.abort();
      await this.#fullLane.close();
      return work(this.#lent.signal);
    });
  }

  /** Closes the connections; the next pass opens them again. */
  async disconnect(): Promise<void> {
    await Promise.all([this.#quickLane.close(), this.#fullLane.close()]);
  }

  async close(): Promise<void> {
    this.#resources.close();
    await this.disconnect();
  }

  #takeTurn(): Promise<PassResult<FullAnswers>> {
    this.#isFullWaiting = true;
    this.#lent.abort();
    return this.#inTurn(() => {
      this.#isFullWaiting = false;
      return this.#runFull();
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #runQuick(): Promise<PassResult<QuickKnowledge>> {
    const startMs = this.#clock.monotonicMs();
    const figures = this.#resources.read();
    let known: QuickKnowledge | undefined;
    let skipped: Record<string, string>;
    try {
      const options = { deadlineMs: QUICK_DEADLINE_MS, perQuestion: false };
      const answers = await runPass(this.#quickLane, options, (asker) => this.#askQuick(asker));
      this.#seeSpans();
      known = this.#memory.knowledge(answers, this.settings.thresholds, this.#clock.nowMs());
      skipped = skippedOf(answers);
      this.#answered();
      this.#board.judge({ ...quickFindings(known), identity: this.#identity.finding(this.#clock.nowMs()) });
      this.#judgeIndexes();
    } catch (error) {
      skipped = { all: this.#notAnswered(error) };
    }
    this.#board.judge(await figures);
    this.#quick = this.#result(startMs, skipped, known);
    return this.#quick;
  }

  async #askQuick(asker: Asker) {
    const answers = await quickQuestions(asker, { slowMs: this.settings.thresholds.queryTime.warningMs / 5 });
    const server = valueOf(answers.server);
    if (server) this.#meet(server);
    this.#memory.addCounters(answers, this.#clock.nowMs());
    await this.#memory.readTexts(asker);
    await this.#lookAtIndexes(asker, server?.indexFingerprint);
    return answers;
  }

  async #runFull(): Promise<PassResult<FullAnswers>> {
    const startMs = this.#clock.monotonicMs();
    let known: FullAnswers | undefined;
    let skipped: Record<string, string>;
    this.#fullLane.forget();
    try {
      const options = { deadlineMs: FULL_DEADLINE_MS, perQuestion: true };
      known = await runPass(this.#fullLane, options, fullQuestions);
      this.#isReplaced = false;
      skipped = skippedOf(known);
      this.#takeIn(known);
    } catch (error) {
      const { message } = unreachable(error).problem;
      this.#board.skip(FULL_CHECKS, `${NO_ANSWER}: ${message}`);
      skipped = { all: message };
    }
    this.#full = this.#result(startMs, skipped, known);
    return this.#full;
  }

  #takeIn(answers: FullAnswers): void {
    const { thresholds, quotaBytes } = this.settings;
    const names = valueOf(answers.indexNames);
    if (names) this.#noteIndexes(this.#memory.indexes.update(names, this.#clock.nowMs()));
    const sizeBytes = valueOf(answers.database)?.sizeBytes;
    if (sizeBytes !== undefined) this.restoreSizes([{ atMs: this.#clock.nowMs(), sizeBytes }]);
    const daysUntilQuota = daysUntil(quotaBytes, sizeBytes ?? 0, this.growth);
    this.#board.judge(fullFindings({ answers, thresholds, quotaBytes, daysUntilQuota }));
    this.#judgeIndexes(answers);
  }

  #judgeIndexes(answers = this.#full?.known): void {
    this.#board.judge({ indexes: indexesFinding(answers?.problems, this.#memory.indexes.lost, this.#clock.nowMs()) });
  }

  /** Indexes that are gone are named within one quick pass: the sum of their ids is part of it. */
  async #lookAtIndexes({ rows }: Asker, fingerprint: string | null | undefined): Promise<void> {
    if (fingerprint === undefined || fingerprint === this.#indexFingerprint) return;
    if (this.#indexFingerprint !== undefined && this.#memory.indexes.isReady) {
      const names = valueOf(await rows(indexNames, [MAX_INDEX_ROWS]));
      const isWhole = names !== undefined && names.length < MAX_INDEX_ROWS;
      if (isWhole) this.#noteIndexes(this.#memory.indexes.update(names, this.#clock.nowMs()));
    }
    this.#indexFingerprint = fingerprint;
  }

  #noteIndexes(lost: readonly LostIndex[]): void {
    for (const { indexName, tableName } of lost) {
      this.#board.happened({ kind: 'index_lost', message: `index ${indexName} of ${tableName} is gone` });
    }
  }

  #meet(server: NonNullable<Identity['server']>): void {
    const change = this.#identity.update(server, this.#clock.nowMs());
    if (!change) return;
    if (change.kind === 'replaced') {
      this.#memory.clear();
      this.#isReplaced = true;
      this.#sizes = [];
      this.#indexFingerprint = undefined;
    }
    if (change.kind === 'role_changed') this.#memory.forgetReplicas();
    this.#board.happened(change);
  }

  #answered(): void {
    if (this.#reachable === false) this.#board.happened({ kind: 'returned', message: 'the database answers again' });
    this.#reachable = true;
    this.#board.judge({ reachable: { status: 'ok', message: 'the database answers' } });
  }

  /** @returns why the database did not answer */
  #notAnswered(error: unknown): string {
    const { kind, message, remedy: recommendation } = unreachable(error).problem;
    if (this.#reachable !== false) this.#board.happened({ kind: 'lost', message: `${NO_ANSWER}: ${message}` });
    this.#reachable = false;
    this.#board.skip([...QUICK_CHECKS, 'identity', 'indexes'], `${NO_ANSWER}: ${message}`);
    const refusal = { status: 'critical', message, recommendation } as const;
    this.#board.judge({ reachable: refusal, ...(kind === 'full' && { connections: refusal }) });
    return message;
  }

  #seeSpans(): void {
    const sights = this.#options.spans?.since(this.#spansSinceMs) ?? [];
    this.#spansSinceMs = Math.max(this.#spansSinceMs, ...sights.map(({ atMs }) => atMs));
    this.#memory.callers.see(sights);
  }

  #result<T>(startMs: number, skipped: Record<string, string>, known: T | undefined): PassResult<T> {
    if (this.connections > MAX_CONNECTIONS) throw new Error(`${this.connections} connections to ${this.settings.id}`);
    const durationMs = Math.round((this.#clock.monotonicMs() - startMs) * 10) / 10;
    return { at: new Date(this.#clock.nowMs()).toISOString(), durationMs, skipped, known };
  }
}

function unreachable(error: unknown): UnreachableError {
  if (error instanceof UnreachableError) return error;
  throw error;
}
