import type { DataMigrationSettings, DataMigrationView, MigrationMetricSettings } from '@clearway/contracts';
import { LeaseKeeper, MigrationWatch, migrationStore, openConnection, type Queryable } from '@clearway/database';
import type { Integrity, LookedAfter, Turn } from '../integrity/integrity.ts';
import { repeat, type Repeated } from '../integrity/repeat.ts';

/** What is written about data migrations. */
export interface MigrationLog {
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
}

/** What the followed migrations of a process are made from. */
export interface DataMigrationOptions {
  readonly settings: readonly DataMigrationSettings[];
  readonly databases: readonly LookedAfter[];
  /** Clearway's own database. */
  readonly own: Queryable;
  /** Of this process, see `leaseHolder`. */
  readonly holder: string;
  readonly log: MigrationLog;
  readonly integrity: Pick<Integrity, 'monitor'>;
  readonly routeFigure?: (metric: MigrationMetricSettings) => Promise<number | undefined>;
  /** One heavy look at a database at a time, whoever looks. */
  readonly turn?: Turn;
}

/** The data migrations that are followed. */
export interface DataMigrations {
  readonly watches: readonly MigrationWatch[];
  watch(name: string): MigrationWatch | undefined;
  start(): void;
  stop(): Promise<void>;
}

const LOOK_EVERY_MS = 5000;
/** A process that does not take the samples shows those of the one that does. */
const RELOAD_EVERY_MS = 15_000;
const LEASE_MS = 60_000;

/** Makes them; nothing is asked before `start`. */
export function createDataMigrations(options: DataMigrationOptions): DataMigrations {
  const { settings, own, holder, log } = options;
  const watches = settings.map((one) => watchOf(one, options));
  const keeper = new LeaseKeeper({ database: own, name: 'data-migrations', holder, ttlMs: LEASE_MS });
  let loop: Repeated | undefined;
  return {
    watches,
    watch: (name) => watches.find((watch) => watch.settings.name === name),
    start() {
      if (watches.length === 0) return;
      const onError = (error: unknown) => log.warn('data migrations cannot be followed', { error });
      loop = repeat(roundOf(watches, keeper, options.turn), { restMs: () => LOOK_EVERY_MS, onError });
    },
    async stop() {
      await loop?.stop();
      await keeper.close();
    },
  };
}

function watchOf(settings: DataMigrationSettings, options: DataMigrationOptions): MigrationWatch {
  const { databases, own, integrity, routeFigure, log } = options;
  return new MigrationWatch({
    settings,
    connect: async (signal) => openConnection(addressOf(settings.database, databases), 'clearway-migrations', signal),
    store: migrationStore(own),
    waitsFor: () => unanswered(settings, integrity),
    ...(routeFigure && { routeFigure }),
    onChange: (view, before) => tell(log, view, before),
  });
}

/** The checks that do not hold: violated ones, and those nobody knows of. */
function unanswered({ database, checks }: DataMigrationSettings, integrity: Pick<Integrity, 'monitor'>): string[] {
  return checks.flatMap((id) => {
    const status = integrity.monitor(database)?.find(id)?.status ?? 'not known';
    return status === 'ok' ? [] : [`check ${id} is ${status}`];
  });
}

function roundOf(watches: readonly MigrationWatch[], keeper: LeaseKeeper, turn: DataMigrationOptions['turn']) {
  let reloadedAtMs = -Infinity;
  return async (signal: AbortSignal): Promise<void> => {
    if ((await keeper.check()) === 'elsewhere') {
      if (performance.now() - reloadedAtMs < RELOAD_EVERY_MS) return;
      reloadedAtMs = performance.now();
      for (const watch of watches) await watch.reload();
      return;
    }
    for (const watch of watches) {
      if (signal.aborted) return;
      if (!watch.isDue) continue;
      const sample = () => watch.sample(signal);
      await (turn ? turn(watch.settings.database, sample) : sample());
    }
  };
}

/** Where a database is. */
function addressOf(id: string, databases: readonly LookedAfter[]): string {
  const database = databases.find((candidate) => candidate.id === id);
  if (!database) throw new Error(`there is no database ${id}`);
  return database.connectionString();
}

function tell(
  log: MigrationLog,
  { name, database, phase, status, percent, problem, words }: DataMigrationView,
  before: Pick<DataMigrationView, 'phase' | 'status'>,
): void {
  const fields = { migration: name, database, phase, status, percent };
  if (status === 'stalled') return log.warn('a data migration is stalled', fields);
  if (status === 'unknown') return log.warn('the figures of a data migration cannot be read', { ...fields, problem });
  const compared = phase === 'validation' || phase === 'steady' ? { compared: words } : {};
  const message = phase === before.phase ? 'a data migration goes on' : 'a data migration reached another phase';
  log.info(message, { ...fields, ...compared });
}
