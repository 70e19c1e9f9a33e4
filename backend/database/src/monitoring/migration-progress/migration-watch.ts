import type {
  DataMigrationSettings,
  DataMigrationView,
  MigrationMetricSettings,
  MigrationPhase,
  MigrationSample,
} from '@clearway/contracts';
import { systemClock, type Clock } from '@clearway/kernel';
import { isDeepStrictEqual } from 'node:util';
import type pg from 'pg';
import { QueryError, queryError } from '../read-only/query-error.ts';
import { readNumber } from '../read-only/read-offending.ts';
import { compareMetric, overallVerdict } from './compare.ts';
import { KEPT_SAMPLES, type MigrationStore } from './migration-store.ts';
import { advance, NEW_MIGRATION, paceOf, statusOf, type MigrationState } from './progress.ts';

/** What the watch of one data migration is given. */
export interface MigrationWatchOptions {
  readonly settings: DataMigrationSettings;
  /** Opens a connection to the database for one sample; the signal ends it. See `openConnection`. */
  readonly connect: (signal: AbortSignal) => Promise<pg.Client>;
  readonly store: MigrationStore;
  /** A figure of a route, as the gateway has it; undefined when there is none. */
  readonly routeFigure?: (metric: MigrationMetricSettings) => Promise<number | undefined>;
  /** What keeps the migration from being steady, such as a violated check. */
  readonly waitsFor?: () => readonly string[];
  readonly clock?: Clock;
  /** Hears of every change of phase and status. */
  readonly onChange?: (view: DataMigrationView, before: Pick<DataMigrationView, 'phase' | 'status'>) => void;
}

const LOCK_TIMEOUT_MS = 200;
const QUIET_FACTOR = 5;
const SILENCE_MS = 5000;

/**
 * Follows a data migration: takes samples of its progress and of the metrics that it must not make worse, knows its
 * phase, and compares before, during and after. It moves no data itself.
 *
 * @example
 * const watch = new MigrationWatch({ settings, connect, store: migrationStore(pool) });
 * await watch.sample();
 * console.log(watch.view().words);
 */
export class MigrationWatch {
  readonly settings: DataMigrationSettings;
  readonly #options: MigrationWatchOptions;
  readonly #clock: Clock;
  #state: MigrationState = NEW_MIGRATION;
  #samples: MigrationSample[] = [];
  #isRestored = false;
  #problem: { readonly message: string; readonly remedy: string } | undefined;
  #sampledAtMs = -Infinity;
  #running: Promise<void> | undefined;
  #told: Pick<DataMigrationView, 'phase' | 'status'> | undefined;
  /** As the store has it: another one there was set by somebody else. */
  #savedState: MigrationState | undefined;

  constructor(options: MigrationWatchOptions) {
    this.#options = options;
    this.settings = options.settings;
    this.#clock = options.clock ?? systemClock;
  }

  /** Whether it is time for a sample. */
  get isDue(): boolean {
    const { sampleSeconds } = this.settings;
    const isQuiet = this.#state.phase === 'baseline' || this.#state.phase === 'steady';
    const everyMs = sampleSeconds * 1000 * (isQuiet ? QUIET_FACTOR : 1);
    return this.#clock.monotonicMs() - this.#sampledAtMs >= everyMs;
  }

  /** Takes a sample; while one is being taken, that one. Never throws: what went wrong is in the view. */
  sample(signal?: AbortSignal): Promise<void> {
    this.#running ??= this.#sample(signal).finally(() => (this.#running = undefined));
    return this.#running;
  }

  /**
   * Sets the phase by hand: `active` before anything is done, or `baseline` to take a new baseline.
   *
   * @throws Error when the change cannot be kept
   */
  async setPhase(phase: MigrationPhase): Promise<void> {
    await this.#running;
    await this.#restore();
    const now = new Date(this.#clock.nowMs()).toISOString();
    const { store } = this.#options;
    if (phase === 'baseline') {
      await store.forget(this.settings.name, 'baseline');
      this.#samples = this.#samples.filter((sample) => sample.phase !== 'baseline');
    }
    const begun = phase === 'active' ? { startedAt: this.#state.startedAt ?? now, lastProgressAt: now } : {};
    const next = { ...this.#state, ...begun, phase, phaseSince: now, wasStarted: phase === 'active' };
    const state = phase === 'baseline' ? { ...NEW_MIGRATION, phaseSince: now } : next;
    this.#state = state;
    await this.#save(undefined);
    this.#tell();
  }

  /** Takes over what the process that takes the samples has seen. For a process that does not. */
  async reload(): Promise<void> {
    await this.#running;
    await this.#restore();
  }

  /** The samples, newest first. */
  samples(limit = 500): readonly MigrationSample[] {
    return this.#samples.slice(0, limit);
  }

  /** How far it is and how it compares. */
  view(): DataMigrationView {
    const { settings } = this;
    const { phase, phaseSince, startedAt, completedAt, lastProgressAt } = this.#state;
    const last = this.#samples[0];
    const { total = null, done = null, errors = null } = last ?? {};
    const metrics = settings.metrics.map((metric) => compareMetric(metric, this.#samples));
    const verdict = overallVerdict(metrics);
    const isActive = phase === 'active';
    return {
      name: settings.name,
      title: settings.title ?? settings.name.replaceAll('-', ' '),
      database: settings.database,
      phase,
      phaseSince,
      status: this.#status(),
      total,
      done,
      errors,
      percent:
        total === null || done === null ? null : total === 0 ? 100 : Math.min(100, Math.max(0, (100 * done) / total)),
      ...(isActive ? paceOf(this.#samples) : { ratePerMinute: null, secondsLeft: phase === 'baseline' ? null : 0 }),
      startedAt,
      completedAt,
      lastProgressAt,
      sampledAt: last?.at ?? null,
      problem: this.#problem?.message ?? null,
      remedy: this.#problem?.remedy ?? null,
      waitsFor: this.#waitsFor(),
      verdict,
      words: metrics.length === 0 ? 'no metrics are compared' : metrics.map(({ words }) => words).join('; '),
      metrics,
      runbook: settings.runbook ?? null,
    };
  }

  #status(): DataMigrationView['status'] {
    const now = new Date(this.#clock.nowMs());
    const isUnknown = this.#problem !== undefined;
    return statusOf(this.#state, now, { stalledMinutes: this.settings.stalledMinutes, isUnknown });
  }

  #waitsFor(): readonly string[] {
    if (this.#state.phase !== 'validation') return [];
    return this.#options.waitsFor?.() ?? [];
  }

  async #sample(signal: AbortSignal | undefined): Promise<void> {
    this.#sampledAtMs = this.#clock.monotonicMs();
    const storeProblem = await this.#restore().then(
      () => undefined,
      (error: Error) => error.message,
    );
    const { timeoutMs } = this.settings;
    try {
      const figures = await this.#read(signal);
      const now = new Date(this.#clock.nowMs());
      const rules = { validationMinutes: this.settings.validationMinutes, waitsFor: this.#waitsFor() };
      this.#state = advance(this.#state, figures, rules, now);
      const sample: MigrationSample = { at: now.toISOString(), phase: this.#state.phase, ...figures };
      this.#samples = [sample, ...this.#samples].slice(0, KEPT_SAMPLES);
      this.#problem = undefined;
      await this.#save(sample).catch(() => undefined);
    } catch (error) {
      const { message, remedy } = queryError(error, timeoutMs);
      this.#problem = { message, remedy };
    }
    if (storeProblem !== undefined && !this.#problem) {
      this.#problem = {
        message: `earlier samples cannot be read: ${storeProblem}`,
        remedy: 'start the database of Clearway',
      };
    }
    this.#tell();
  }

  async #save(sample: MigrationSample | undefined): Promise<void> {
    await this.#options.store.save(this.settings, this.#state, sample);
    this.#savedState = this.#state;
  }

  async #read(signal: AbortSignal | undefined): Promise<{
    total: number;
    done: number;
    errors: number | null;
    metrics: Record<string, number | null>;
  }> {
    const { total, done, errors, metrics, timeoutMs } = this.settings;
    // a server that says nothing any more, beyond every time limit of its own
    const silent = AbortSignal.timeout((3 + metrics.length) * timeoutMs + SILENCE_MS);
    const client = await this.#options.connect(signal ? AbortSignal.any([signal, silent]) : silent);
    try {
      const bounds = { timeoutMs, lockTimeoutMs: LOCK_TIMEOUT_MS };
      const figure = async (what: string, sql: string): Promise<number> => {
        const value = await readNumber(client, sql, bounds).catch((error: unknown) => {
          const told = queryError(error, timeoutMs);
          throw new QueryError(told.problem, `${what} ${told.message}`, told.remedy, error);
        });
        return value ?? 0;
      };
      const totalNow = await figure('total', total);
      const doneNow = await figure('done', done);
      const errorsNow = errors === undefined ? null : await figure('errors', errors);
      const values: Record<string, number | null> = {};
      for (const metric of metrics) {
        // a metric that cannot be read says nothing, and progress is told all the same
        const value =
          metric.sql === undefined ? this.#options.routeFigure?.(metric) : readNumber(client, metric.sql, bounds);
        values[metric.name] = (await Promise.resolve(value).catch(() => undefined)) ?? null;
      }
      return { total: totalNow, done: doneNow, errors: errorsNow, metrics: values };
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** Takes over what is kept: by an earlier process, or by another one in which somebody set the phase. */
  async #restore(): Promise<void> {
    const { store } = this.#options;
    const { name } = this.settings;
    const state = await store.loadState(name);
    const isKnown = this.#isRestored && isDeepStrictEqual(state, this.#savedState);
    this.#isRestored = true;
    this.#savedState = state;
    if (isKnown || !state) return;
    const kept = await store.loadSamples(name);
    const isFirst = this.#told === undefined;
    this.#state = state;
    const last = kept[0]?.at ?? '';
    // what was seen while the store was down is newer
    const newer = this.#samples.filter(({ at }) => at > last);
    this.#samples = [...newer, ...kept].slice(0, KEPT_SAMPLES);
    if (isFirst) this.#told = { phase: state.phase, status: this.#status() };
  }

  #tell(): void {
    const before = this.#told ?? { phase: 'baseline', status: 'waiting' };
    const { phase } = this.#state;
    const status = this.#status();
    this.#told = { phase, status };
    if (before.phase === phase && before.status === status) return;
    this.#options.onChange?.(this.view(), before);
  }
}
