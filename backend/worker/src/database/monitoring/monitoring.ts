import { setTimeout as sleep } from 'node:timers/promises';
import type { DatabaseEvent } from '@clearway/contracts';
import {
  databaseFigures,
  databaseSummary,
  DatabaseWatch,
  databaseViews,
  LeaseKeeper,
  leaseHolder,
  MonitorStore,
  WriteBehind,
  type PassDocument,
  type PassResult,
  type QuerySpans,
  type Queryable,
  type WatchSettings,
} from '@clearway/database';
import type { Logs, Metrics } from '@clearway/telemetry';
import { databaseMetrics } from './monitor-metrics.ts';
import { startTimer, type PassTimer } from './pass-timer.ts';

/** What watching databases needs. */
export interface MonitoringOptions {
  readonly databases: readonly WatchSettings[];
  /** Clearway's own: keeps the lease and the results. */
  readonly own: Queryable;
  readonly spans?: QuerySpans;
  readonly metrics: Metrics;
  readonly log: Pick<Logs['logger'], 'info' | 'warn' | 'debug'>;
  /** How long the lease of a worker that says nothing lasts; a minute when left out. */
  readonly leaseMs?: number;
  /** Hears of everything that happens to a database, for alerts. */
  readonly onEvent?: (databaseId: string, event: DatabaseEvent) => void;
}

/** Views that quick passes and full passes make. */
const QUICK_VIEWS = ['connections', 'locks', 'queries', 'replication'] as const;
const FULL_VIEWS = ['sizes', 'indexes', 'bloat', 'limits'] as const;
/** Of Clearway's own views, by name. */
export type ViewName = (typeof QUICK_VIEWS)[number] | (typeof FULL_VIEWS)[number];

const LEASE = 'database-monitor';
const LEASE_MS = 60_000;
const MAX_PENDING = 2000;
const PRUNE_MS = 3_600_000;
/** Another worker hears of a request at its next quick pass. */
const ASKED_LIMIT_MS = 60_000;
const ASKED_LOOK_MS = 250;

/**
 * Watches databases by timers of this process, so that it goes on while Clearway's own database is down. By a lease one
 * worker does so at a time, and only that one has connections to them; while the lease cannot be asked for, every worker does.
 */
export class DatabaseMonitoring {
  readonly store: MonitorStore;
  readonly #options: MonitoringOptions;
  #watches: ReadonlyMap<string, DatabaseWatch>;
  readonly #keeper: LeaseKeeper;
  readonly #pending: WriteBehind;
  readonly #passMetrics;
  readonly #timers = new Map<DatabaseWatch, readonly PassTimer[]>();
  #own: readonly PassTimer[] = [];
  readonly #holder = leaseHolder();
  readonly #restored = new Set<string>();

  constructor(options: MonitoringOptions) {
    this.#options = options;
    const { log, own, leaseMs = LEASE_MS } = options;
    this.store = new MonitorStore(own);
    this.#pending = new WriteBehind(MAX_PENDING, (error) => log.debug('results are written later', { error }));
    this.#watches = new Map(options.databases.map((settings) => [settings.id, this.#watch(settings)]));
    this.#keeper = new LeaseKeeper({
      database: own,
      name: LEASE,
      holder: this.#holder,
      ttlMs: leaseMs,
      onChange: (state, lease) => {
        log.info('watching databases', { lease: state, taken_from: lease?.takenFrom });
      },
    });
    this.#passMetrics = databaseMetrics(options.metrics, {
      watches: () => (this.isWatching ? [...this.#watches.values()] : []),
      pending: () => this.#pending.stats,
    });
  }

  /** Whether this worker asks the databases, and not another one. */
  get isWatching(): boolean {
    return this.#keeper.state !== undefined && this.#keeper.state !== 'elsewhere';
  }

  /** Whoever has it may ask the watched databases, by two connections each in all. */
  get lease(): Pick<LeaseKeeper, 'check'> {
    return this.#keeper;
  }

  /** The watched databases by their ids. */
  get watches(): ReadonlyMap<string, DatabaseWatch> {
    return this.#watches;
  }

  /** Begins with a pass of each kind at once. */
  start(): void {
    for (const watch of this.#watches.values()) this.#begin(watch);
    const options = { onError: this.#onError };
    // what cannot be removed now is removed an hour later
    const prune = (): Promise<unknown> => this.store.prune(Date.now()).catch(() => undefined);
    this.#own = [
      startTimer((this.#options.leaseMs ?? LEASE_MS) / 4, () => this.#keeper.check(), options),
      startTimer(PRUNE_MS, async () => (await this.#keeper.check()) === 'elsewhere' || prune(), options),
    ];
  }

  /**
   * Goes over to other databases while it runs. Those that stay as they are, by `isSame`, go on with all that they
   * remember; of the others the pass under way is finished and the connections are closed.
   */
  async replace(databases: readonly WatchSettings[], isSame: (id: string) => boolean): Promise<void> {
    const before = this.#watches;
    const kept = (id: string): DatabaseWatch | undefined => (isSame(id) ? before.get(id) : undefined);
    this.#watches = new Map(databases.map((settings) => [settings.id, kept(settings.id) ?? this.#watch(settings)]));
    const now = new Set(this.#watches.values());
    const left = [...before.values()].filter((watch) => !now.has(watch));
    for (const { settings } of left) this.#restored.delete(settings.id);
    await Promise.all(left.map((watch) => this.#end(watch)));
    for (const watch of now) if (!this.#timers.has(watch)) this.#begin(watch);
  }

  /** A quick pass, with its results kept. */
  async quick(watch: DatabaseWatch): Promise<void> {
    const pass = await watch.quick();
    this.#keep(watch, 'quick', pass, QUICK_VIEWS);
  }

  /** What a full pass missed is not left out until the next one is due, once the database is back, nor what others ask for. */
  async #quickAndWhatIsMissing(watch: DatabaseWatch): Promise<void> {
    await this.quick(watch);
    const isAskedFor = await this.store.takeRequest(watch.settings.id).catch(() => false);
    if (watch.wantsFull || isAskedFor) await this.full(watch);
  }

  /** A full pass, with its results kept. */
  async full(watch: DatabaseWatch): Promise<void> {
    await this.#restore(watch);
    const pass = await watch.full();
    this.#keep(watch, 'full', pass, FULL_VIEWS);
  }

  /** A quick pass and then a full one, now. While another worker watches, that one makes them at its next quick pass. */
  async passOnDemand(watch: DatabaseWatch): Promise<void> {
    // when it cannot be asked, every worker looks for itself
    if (!this.isWatching && (await this.#askOther(watch.settings.id).catch(() => false))) return;
    await this.quick(watch);
    await this.full(watch);
  }

  /** @returns true, however it ended: nobody else may look */
  async #askOther(id: string): Promise<true> {
    const before = await this.store.latestAt(id, 'full');
    await this.store.request(id);
    const endMs = performance.now() + ASKED_LIMIT_MS;
    while ((await this.store.latestAt(id, 'full')) === before && performance.now() < endMs) await sleep(ASKED_LOOK_MS);
    return true;
  }

  /** The last result as another worker left it; undefined when there is none or it cannot be read. */
  async stored(databaseId: string, kind: 'quick' | 'full'): Promise<PassDocument | undefined> {
    return this.store.latest(databaseId, kind).catch(() => undefined);
  }

  async close(): Promise<void> {
    await Promise.all(this.#own.map((timer) => timer.close()));
    await Promise.all([...this.#timers.values()].flat().map((timer) => timer.close()));
    await this.#pending.flush();
    await Promise.all([...this.#watches.values()].map((watch) => watch.close()));
    await this.#keeper.close();
  }

  #watch(settings: WatchSettings): DatabaseWatch {
    const { spans } = this.#options;
    const onEvent = (event: DatabaseEvent): void => this.#heard(settings.id, event);
    return new DatabaseWatch(settings, { onEvent, ...(spans && { spans }) });
  }

  readonly #onError = (error: unknown): void => {
    this.#options.log.warn('a pass over a database failed', { error });
  };

  #begin(watch: DatabaseWatch): void {
    const { quickSeconds, fullSeconds } = watch.settings;
    const options = { onError: this.#onError };
    this.#timers.set(watch, [
      startTimer(
        quickSeconds * 1000,
        () => this.#unlessElsewhere(watch, () => this.#quickAndWhatIsMissing(watch)),
        options,
      ),
      startTimer(fullSeconds * 1000, () => this.#unlessElsewhere(watch, () => this.full(watch)), options),
    ]);
  }

  async #end(watch: DatabaseWatch): Promise<void> {
    await Promise.all((this.#timers.get(watch) ?? []).map((timer) => timer.close()));
    this.#timers.delete(watch);
    await watch.close();
  }

  async #unlessElsewhere(watch: DatabaseWatch, work: () => Promise<unknown>): Promise<void> {
    if ((await this.#keeper.check()) === 'elsewhere') return watch.disconnect();
    await work();
    // not waited for: a database that hangs must not keep the passes over the others waiting
    void this.#pending.flush();
  }

  #keep(
    watch: DatabaseWatch,
    kind: 'quick' | 'full',
    { at, durationMs, known }: PassResult<unknown>,
    names: readonly ViewName[],
  ): void {
    const databaseId = watch.settings.id;
    this.#passMetrics.passed(databaseId, kind, durationMs, known !== undefined);
    const views = Object.fromEntries(names.map((name) => [name, databaseViews[name](watch)]));
    const document = { summary: databaseSummary(watch, Date.now()), views };
    const figures = kind === 'quick' ? { figures: databaseFigures(watch) } : {};
    this.#pending.add(() => this.store.savePass({ databaseId, kind, at, durationMs, document, ...figures }));
  }

  /** The trend of the size goes on where another process left it. */
  async #restore(watch: DatabaseWatch): Promise<void> {
    const { id } = watch.settings;
    if (this.#restored.has(id)) return;
    const points = await this.store.sizes(id).catch(() => undefined);
    if (!points) return;
    this.#restored.add(id);
    watch.restoreSizes(points);
  }

  #heard(databaseId: string, event: DatabaseEvent): void {
    const { log, onEvent } = this.#options;
    const isBad = event.kind === 'lost' || event.kind === 'replaced' || (event.to !== undefined && event.to !== 'ok');
    log[isBad ? 'warn' : 'info'](event.message, { database: databaseId, event: event.kind, check: event.check });
    this.#pending.add(() => this.store.saveEvent(databaseId, event));
    onEvent?.(databaseId, event);
  }
}
