import type { IntegrityCheck, IntegrityPoint, IntegritySettings } from '@clearway/contracts';
import { systemClock, type Clock } from '@clearway/kernel';
import type pg from 'pg';
import { unknownState, trendOf, type CheckDefinition, type CheckState } from './check-state.ts';
import { foreignKeyChecks, queryChecks, relationChecks, type ScanCheck } from './definitions.ts';
import { nextRun } from './due.ts';
import { IntegrityPass, type PassOutcome } from './integrity-pass.ts';
import type { IntegrityStore } from './integrity-store.ts';


/** What the monitor of one database is given. */
export interface IntegrityMonitorOptions {
  readonly settings: IntegritySettings;
  /** Opens a connection to the database for one pass. */
  readonly connect: () => Promise<pg.Client>;
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
   * Has checks run in the next pass, whatever their schedule says; a scan under way begins anew.
   *
   * @param ids of the checks; all of them when left out
   * @returns those that will run
   */
  request(ids?: readonly string[]): string[] {
    const known = this.#definitions().map(({ id }) => id);
    const wanted = ids === undefined ? known : known.filter((id) => ids.includes(id));
    for (const id of wanted) {
      this.#requested.add(id);
      const state = this.#states.get(id);
      if (state?.scan) this.#states.set(id, { ...state, scan: null });
    }
    return wanted;
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
    return [...this.#declared, ...this.#keys];
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

  /** Takes over what an earlier process knew. Without it a check would seem new, and a scan begin anew. */
  async #restore(): Promise<string | undefined> {
    if (this.#isRestored) return undefined;
    try {
      for (const state of await this.#options.store.load(this.database)) {
        const known = this.#states.get(state.id);
        if (known === undefined || known.lastRunAt === null) this.#states.set(state.id, state);
      }
      this.#isRestored = true;
      return undefined;
    } catch (error) {
      return `the results of earlier runs cannot be read: ${(error as Error).message}`;
    }
  }

  async #save({ changed, ended }: IntegrityPass): Promise<string | undefined> {
    const states = [...changed].map((id) => this.#stateOf(id));
    if (states.length === 0) return undefined;
    try {
      // before the keys were listed nobody knows which checks are gone
      const defined = this.#hasListedKeys ? this.#definitions() : [...this.#states.values()];
      await this.#options.store.save(
        this.database,
        states,
        ended,
        defined.map(({ id }) => id),
      );
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
      ...state,
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
