import type { IntegritySettings } from '@clearway/contracts';
import type { Clock } from '@clearway/kernel';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { queryError } from '../read-only/query-error.ts';
import { afterRun, type CheckDefinition, type CheckResult, type CheckState } from './check-state.ts';
import { queryChecks, relationChecks, type QueryCheck, type ScanCheck } from './definitions.ts';
import { isDue } from './due.ts';
import { foreignKeys, type ForeignKey } from './foreign-keys.ts';
import { referenceOf, runQueryCheck, withoutAnswer } from './run-check.ts';
import { beginScan, canGoOn, scan, type Pacing } from './scan.ts';

/** What a pass did. */
export interface PassOutcome {
  /** Runs that ended. */
  readonly runs: number;
  /** Time that the queries took, in milliseconds. */
  readonly busyMs: number;
  /** Something is due that there was no time for. */
  readonly hasMore: boolean;
  /** Why the pass could not look, or could not keep what it saw. */
  readonly problem: string | undefined;
}

/** What a pass is given. */
export interface PassOptions {
  readonly settings: IntegritySettings;
  readonly connect: (signal: AbortSignal) => Promise<pg.Client>;
  readonly clock: Clock;
  readonly stateOf: (id: string) => CheckState;
  readonly isRequested: (id: string) => boolean;
  readonly hasListedKeys: boolean;
  readonly knownKeys: readonly ScanCheck[];
  /** Takes the foreign keys of the database; returns the checks that they make. */
  readonly onKeys: (keys: readonly ForeignKey[]) => readonly ScanCheck[];
  readonly onState: (state: CheckState) => void;
  readonly onRun: (definition: CheckDefinition, before: CheckState) => void;
  readonly signal?: AbortSignal;
}

const MAX_PAUSE_MS = 5000;
/** Of the catalogue's own queries. */
const CATALOGUE_TIMEOUT_MS = 10_000;
/** Beyond every time limit of a statement. */
const SILENCE_MS = 5000;

/** One pass over the checks of a database: first the queries that are due, then the scans, until the time is up. */
export class IntegrityPass {
  /** Checks whose state is another one now. */
  readonly changed = new Set<string>();
  /** States of the runs that ended. */
  readonly ended: CheckState[] = [];
  readonly #options: PassOptions;
  #deadlineMs: number;
  #busyMs = 0;
  #hasMore = false;

  constructor(options: PassOptions) {
    this.#options = options;
    this.#deadlineMs = performance.now() + options.settings.pacing.passSeconds * 1000;
  }

  /** Never throws: what went wrong is in the outcome and in the states of the checks. */
  async run(): Promise<PassOutcome> {
    const queries = queryChecks(this.#options.settings).filter((check) => this.#isDue(check));
    if (queries.length === 0 && !this.#hasScans()) return this.#outcome(undefined);
    this.#hasMore = this.#options.signal?.aborted === true;
    if (this.#hasMore) return this.#outcome(undefined);
    let client: pg.Client | undefined;
    try {
      client = await this.#options.connect(this.#limit());
      await this.#runQueries(client, queries);
      if (this.#isOver()) this.#hasMore ||= this.#hasScans();
      else await this.#runScans(client);
      return this.#outcome(undefined);
    } catch (error) {
      // ended from outside: nothing is known to be wrong, and the next pass goes on
      if (this.#options.signal?.aborted) return this.#outcome(undefined);
      // of the connection, or of the catalogue: no check can be answered
      const { message, remedy, problem } = queryError(error, CATALOGUE_TIMEOUT_MS);
      const reason = problem === 'unreachable' ? `the database cannot be reached: ${message}` : message;
      const asked = [...queries, ...relationChecks(this.#options.settings), ...this.#options.knownKeys];
      for (const check of asked.filter((one) => this.#isDue(one))) this.#postpone(check, reason, remedy);
      return this.#outcome(reason);
    } finally {
      await client?.end().catch(() => undefined);
    }
  }

  /** Ends the connection when the process ends, or when the server says nothing any more. */
  #limit(): AbortSignal {
    const { settings, signal } = this.#options;
    const { pacing, invariants, counts } = settings;
    const longestMs = Math.max(
      CATALOGUE_TIMEOUT_MS,
      pacing.batchTimeoutMs,
      ...[...invariants, ...counts].map(({ timeoutMs }) => timeoutMs),
    );
    const silent = AbortSignal.timeout(pacing.passSeconds * 1000 + longestMs + SILENCE_MS);
    return signal ? AbortSignal.any([signal, silent]) : silent;
  }

  #outcome(problem: string | undefined): PassOutcome {
    return { runs: this.ended.length, busyMs: this.#busyMs, hasMore: this.#hasMore, problem };
  }

  #isDue({ id, schedule }: CheckDefinition): boolean {
    const { stateOf, isRequested } = this.#options;
    const { lastRunAt, scan: underWay } = stateOf(id);
    return underWay !== null || isRequested(id) || isDue(schedule, lastRunAt, this.#now());
  }

  #hasScans(): boolean {
    const { settings, hasListedKeys, knownKeys } = this.#options;
    if (settings.foreignKeys.enabled && !hasListedKeys) return true;
    return [...relationChecks(settings), ...knownKeys].some((check) => this.#isDue(check));
  }

  #now(): Date {
    return new Date(this.#options.clock.nowMs());
  }

  #isOver(): boolean {
    return this.#options.signal?.aborted === true || performance.now() >= this.#deadlineMs;
  }

  async #runQueries(client: pg.Client, checks: readonly QueryCheck[]): Promise<void> {
    const { pacing } = this.#options.settings;
    for (const check of this.#inOrder(checks)) {
      if (this.#isOver()) return void (this.#hasMore = true);
      const startMs = performance.now();
      try {
        const bounds = { timeoutMs: CATALOGUE_TIMEOUT_MS, lockTimeoutMs: pacing.lockTimeoutMs };
        this.#end(check, await runQueryCheck(client, check, bounds));
      } catch (error) {
        this.#failed(check, error, performance.now() - startMs);
      }
      await this.#rest(performance.now() - startMs);
    }
  }

  async #runScans(client: pg.Client): Promise<void> {
    const { settings } = this.#options;
    const keys = settings.foreignKeys.enabled ? this.#options.onKeys(await foreignKeys(client)) : [];
    const due = [...relationChecks(settings), ...keys].filter((check) => this.#isDue(check));
    for (const check of this.#inOrder(due)) {
      if (this.#isOver()) return void (this.#hasMore = true);
      try {
        await this.#scan(client, check);
      } catch (error) {
        this.#failed(check, error, 0);
      }
    }
  }

  async #scan(client: pg.Client, check: ScanCheck): Promise<void> {
    const { settings, stateOf, signal } = this.#options;
    const { sharePercent, batchMs, batchTimeoutMs, lockTimeoutMs } = settings.pacing;
    const pacing: Pacing = { sharePercent, batchMs, timeoutMs: batchTimeoutMs, lockTimeoutMs };
    const found = await referenceOf(client, check, pacing);
    if ('skipped' in found) return this.#end(check, { status: 'skipped', reason: found.skipped, durationMs: 0 });
    const { reference } = found;
    const kept = stateOf(check.id).scan;
    const from = kept && canGoOn(reference, kept) ? kept : beginScan(reference, this.#now());
    const { sampleSize } = check;
    const options = { pacing, sampleSize, deadlineMs: this.#deadlineMs, ...(signal && { signal }) };
    const { state, isComplete, stopped } = await scan(client, reference, from, options);
    this.#busyMs += state.busyMs - from.busyMs;
    const { violations, sample, busyMs } = state;
    if (isComplete) {
      return this.#end(check, { status: violations > 0 ? 'violated' : 'ok', violations, sample, durationMs: busyMs });
    }
    this.#hasMore = true;
    if (stopped) return this.#failed(check, stopped, busyMs, state);
    const { kind, title } = check;
    this.#change({ ...this.#underWay(stateOf(check.id), state), kind, title });
  }

  /** What was found so far is told at once, not at the end of a scan that may take hours. */
  #underWay(before: CheckState, state: NonNullable<CheckState['scan']>): CheckState {
    const { violations, sample } = state;
    if (violations === 0 || violations <= before.violations) return { ...before, scan: state };
    const firstSeenAt = before.firstSeenAt ?? this.#now().toISOString();
    return { ...before, status: 'violated', violations, isBound: true, sample, firstSeenAt, reason: null, scan: state };
  }

  #failed(check: CheckDefinition, caught: unknown, durationMs: number, underWay?: CheckState['scan']): void {
    const error = queryError(caught, this.#options.settings.pacing.batchTimeoutMs);
    if (error.problem === 'unreachable') throw error;
    if (error.problem !== 'locked') return this.#end(check, withoutAnswer(error, durationMs));
    this.#hasMore = true;
    this.#postpone(check, error.message, error.remedy, underWay);
  }

  /** There is no answer yet, and the check stays due. */
  #postpone({ id }: CheckDefinition, reason: string, remedy: string, underWay?: CheckState['scan']): void {
    const before = this.#options.stateOf(id);
    this.#change({ ...before, status: 'skipped', reason, remedy, scan: underWay ?? before.scan });
  }

  #end(check: CheckDefinition, result: CheckResult): void {
    const before = this.#options.stateOf(check.id);
    const { kind, title } = check;
    const state = { ...afterRun(before, result, this.#now()), kind, title };
    this.#busyMs += check.kind === 'foreign-key' || check.kind === 'relation' ? 0 : result.durationMs;
    this.#change(state);
    this.ended.push(state);
    this.#options.onRun(check, before);
  }

  #change(state: CheckState): void {
    this.changed.add(state.id);
    this.#options.onState(state);
  }

  /** Those under way first, then those that were asked for, then those that ran the longest ago. */
  #inOrder<T extends CheckDefinition>(checks: readonly T[]): T[] {
    const { stateOf, isRequested } = this.#options;
    const rank = ({ id }: T) => (isRequested(id) ? 0 : stateOf(id).scan ? 1 : 2);
    const ranAt = ({ id }: T) => stateOf(id).lastRunAt ?? '';
    return checks.toSorted((a, b) => rank(a) - rank(b) || (ranAt(a) < ranAt(b) ? -1 : ranAt(a) > ranAt(b) ? 1 : 0));
  }

  /** Rests as long as the share asks for; when there is no time left for that, the pass is over. */
  async #rest(busyMs: number): Promise<void> {
    const { settings, signal } = this.#options;
    const pauseMs = Math.min(busyMs * (100 / settings.pacing.sharePercent - 1), MAX_PAUSE_MS);
    if (performance.now() + pauseMs >= this.#deadlineMs) this.#deadlineMs = -Infinity;
    else await sleep(pauseMs, undefined, signal && { signal }).catch(() => undefined);
  }
}
