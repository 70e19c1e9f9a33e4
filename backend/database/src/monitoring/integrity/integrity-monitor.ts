import type { IntegrityCheck, IntegrityPoint, IntegritySettings } from '@clearway/contracts';
import { systemClock, type Clock } from '@clearway/kernel';
import type pg from 'pg';
import { unknownState, trendOf, type CheckDefinition, type CheckState } from './check-state.ts';
import { foreignKeyChecks, queryChecks, relationChecks, type ScanCheck } from './definitions.ts';
import { nextRun } from './due.ts';
import { IntegrityPass, type PassOutcome } from './integrity-pass.ts';
import type { IntegrityStore } from './integrity-store.ts';

/** Runs that are kept in memory while the store takes none. */
const MAX_UNSAVED_RUNS = 1000;

/** What the monitor of one database is given. */
export interface IntegrityMonitorOptions {
  readonly settings: IntegritySettings;
  /** Opens a connection to the database for one pass; the signal ends it. See `openConnection`. */
  readonly connect: (signal: AbortSignal) => Promise<pg.Client>;
  readonly store: IntegrityStore;
  readonly clock?: Clock;
  /** Hears of every run that ended, with the state before. */
  readonly onRun?: (check: IntegrityCheck, before: CheckState) => void;
}

/**
 * Looks after what has to hold in one database: foreign keys, declared relations, invariants and counts. It does
 * its work in passes, each bounded in time, over one connection; what a pass did not finish, the next one goes on with, also in another
 * process.
 *
 * @example
 * const monitor = new IntegrityMonitor({ settings, connect, store: integrityStore(pool) });
 * const { problem } = await monitor.pass(signal);
 * const violated = monitor.list().filter(({ status }) => status === 'violated');
 */
export class IntegrityMonitor {
  readonly database: string;
  readonly #options: IntegrityMonitorOptions;
  readonly #clock: Clock;
  readonly #states = new Map<string, CheckState>();
  readonly #requested = new Set<string>();
  /** What the store did not take yet. */
  readonly #unsaved = new Set<string>();
  #unsavedRuns: CheckState[] = [];
  readonly #declared: readonly CheckDefinition[];
  #keys: readonly ScanCheck[] = [];
  #isRestored = false;
  #hasListedKeys = false;
  #running: Promise<PassOutcome> | undefined;
  #last: { readonly at: string; readonly outcome: PassOutcome } | undefined;

  constructor(options: IntegrityMonitorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.database = options.settings.database;
    this.#declared = [...queryChecks(options.settings), ...relationChecks(options.settings)];
  }

  /** The last pass; undefined before the first. */
  get lastPass(): { readonly at: string; readonly outcome: PassOutcome } | undefined {
    return this.#last;
  }

  /** One pass; while one is under way, that one. Never throws. */
  pass(signal?: AbortSignal): Promise<PassOutcome> {
    this.#running ??= this.#pass(signal).finally(() => (this.#running = undefined));
    return this.#running;
  }

  /**
   * Has checks run in the next pass, whatever their schedule says, also when another process runs the passes. A scan under
   * way goes on first.
   *
   * @param ids of the checks; all of them when left out
   * @returns those that will run
   */
  async request(ids?: readonly string[]): Promise<string[]> {
    const known = this.#definitions().map(({ id }) => id);
    const wanted = ids === undefined ? known : known.filter((id) => ids.includes(id));
    for (const id of wanted) this.#requested.add(id);
    // without its database this process alone knows
    await this.#options.store.request(this.database, wanted).catch(() => undefined);
    return wanted;
  }

  /** Takes over what the process that runs the passes has found out. For a process that does not. */
  async reload(): Promise<void> {
    this.#isRestored = false;
    await this.#restore();
  }

  /** Every check that is defined, with its last result. */
  list(): IntegrityCheck[] {
    return this.#definitions().map((definition) => this.#view(definition));
  }

  /** One check; undefined when there is none of that id. */
  find(id: string): IntegrityCheck | undefined {
    const definition = this.#definitions().find((candidate) => candidate.id === id);
    return definition && this.#view(definition);
  }

  /** Earlier results of a check, newest first. */
  history(id: string, limit = 100): Promise<IntegrityPoint[]> {
    return this.#options.store.history(this.database, id, limit);
  }

  #definitions(): CheckDefinition[] {
    return [...this.#declared, ...(this.#hasListedKeys ? this.#keys : this.#keptKeys())];
  }

  /** The foreign keys as they were when a process last listed them. */
  #keptKeys(): CheckDefinition[] {
    const { enabled, severity, schedule, runbook = null } = this.#options.settings.foreignKeys;
    if (!enabled) return [];
    return [...this.#states.values()].flatMap(({ id, kind, title }) =>
      kind === 'foreign-key' ? [{ id, kind, title: title ?? id, severity, schedule, runbook }] : [],
    );
  }

  #stateOf(id: string): CheckState {
    return this.#states.get(id) ?? unknownState(id);
  }

  async #pass(signal: AbortSignal | undefined): Promise<PassOutcome> {
    const storeProblem = await this.#restore();
    const { settings, connect, onRun } = this.#options;
    const pass = new IntegrityPass({
      settings,
      connect,
      clock: this.#clock,
      stateOf: (id) => this.#stateOf(id),
      isRequested: (id) => this.#requested.has(id),
      hasListedKeys: this.#hasListedKeys,
      knownKeys: this.#keys,
      onKeys: (keys) => {
        this.#keys = foreignKeyChecks(settings, keys);
        this.#hasListedKeys = true;
        return this.#keys;
      },
      onState: (state) => this.#states.set(state.id, state),
      onRun: (definition, before) => {
        this.#requested.delete(definition.id);
        onRun?.(this.#view(definition), before);
      },
      ...(signal && { signal }),
    });
    const outcome = await pass.run();
    const unsaved = await this.#save(pass);
    const problem = outcome.problem ?? storeProblem ?? unsaved;
    const told = { ...outcome, problem };
    this.#last = { at: new Date(this.#clock.nowMs()).toISOString(), outcome: told };
    return told;
  }

  /** Takes over what another process knew. Without it a check would seem new, and a scan begin anew. */
  async #restore(): Promise<string | undefined> {
    const { store } = this.#options;
    try {
      if (!this.#isRestored) {
        const kept = await store.load(this.database);
        for (const state of kept) if (!this.#unsaved.has(state.id)) this.#states.set(state.id, state);
        this.#isRestored = true;
      }
      for (const id of await store.requested(this.database)) this.#requested.add(id);
      return undefined;
    } catch (error) {
      return `the results of earlier runs cannot be read: ${(error as Error).message}`;
    }
  }

  async #save({ changed, ended }: IntegrityPass): Promise<string | undefined> {
    for (const id of changed) this.#unsaved.add(id);
    this.#unsavedRuns = [...this.#unsavedRuns, ...ended].slice(-MAX_UNSAVED_RUNS);
    if (this.#unsaved.size === 0) return undefined;
    try {
      // before the keys were listed nobody knows which checks are gone
      const defined = this.#hasListedKeys ? this.#definitions() : [...this.#states.values()];
      const states = [...this.#unsaved].map((id) => this.#stateOf(id));
      const ids = defined.map(({ id }) => id);
      await this.#options.store.save(this.database, states, this.#unsavedRuns, ids);
      this.#unsaved.clear();
      this.#unsavedRuns = [];
      return undefined;
    } catch (error) {
      return `results cannot be kept: ${(error as Error).message}`;
    }
  }

  #view(definition: CheckDefinition): IntegrityCheck {
    const { scan, ...state } = this.#stateOf(definition.id);
    const key = this.#keys.find(({ id }) => id === definition.id);
    const reference = key?.kind === 'foreign-key' ? key.key.reference : undefined;
    const next =
      state.lastRunAt === null ? null : nextRun(definition.schedule, new Date(state.lastRunAt)).toISOString();
    const { id, kind, title, severity, schedule, runbook } = definition;
    return {
      status: state.status,
      violations: state.violations,
      isBound: state.isBound,
      value: state.value,
      previous: state.previous,
      sample: state.sample,
      reason: state.reason,
      remedy: state.remedy,
      firstSeenAt: state.firstSeenAt,
      lastRunAt: state.lastRunAt,
      lastOkAt: state.lastOkAt,
      durationMs: state.durationMs,
      database: this.database,
      id,
      kind,
      title,
      severity,
      schedule,
      runbook,
      notes: key?.kind === 'foreign-key' ? key.key.notEnforced : state.notes,
      trend: trendOf({ ...state, scan }),
      nextRunAt: next,
      scan: scan && {
        startedAt: scan.startedAt,
        scannedRows: scan.scannedRows,
        estimatedRows: reference?.estimatedRows ?? null,
        violations: scan.violations,
      },
    };
  }
}
