import type { DataMigrationSettings, DataMigrationView, MigrationMetricSettings } from '@clearway/contracts';
import { MigrationWatch, migrationStore, openConnection, type LeaseKeeper, type Queryable } from '@clearway/database';
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
  /** Of those who may ask the databases, see `DatabaseMonitoring`. */
  readonly lease: Pick<LeaseKeeper, 'check'>;
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
  /** Takes a sample now, in turn with whoever else looks at the database; a process that takes none shows the last one. */
  sample(watch: MigrationWatch): Promise<void>;
  start(): void;
  stop(): Promise<void>;
}

const LOOK_EVERY_MS = 5000;
/** A process that does not take the samples shows those of the one that does. */
const RELOAD_EVERY_MS = 15_000;

/** Makes them; nothing is asked before `start`. */
export function createDataMigrations(options: DataMigrationOptions): DataMigrations {
  const { settings, lease, log } = options;
  const watches = settings.map((one) => watchOf(one, options));
  const sample = (watch: MigrationWatch, signal?: AbortSignal): Promise<void> => {
    const work = () => watch.sample(signal);
    return options.turn ? options.turn(watch.settings.database, work) : work();
  };
  let loop: Repeated | undefined;
  return {
    watches,
    sample: async (watch) => ((await lease.check()) === 'elsewhere' ? watch.reload() : sample(watch)),
    watch: (name) => watches.find((watch) => watch.settings.name === name),
    start() {
      if (watches.length === 0) return;
      const onError = (error: unknown) => log.warn('data migrations cannot be followed', { error });
      loop = repeat(roundOf(watches, lease, sample), { restMs: () => LOOK_EVERY_MS, onError });
    },
    async stop() {
      await loop?.stop();
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

function roundOf(
  watches: readonly MigrationWatch[],
  lease: DataMigrationOptions['lease'],
  sample: (watch: MigrationWatch, signal: AbortSignal) => Promise<void>,
) {
  let reloadedAtMs = -Infinity;
  return async (signal: AbortSignal): Promise<void> => {
    if ((await lease.check()) === 'elsewhere') {
      if (performance.now() - reloadedAtMs < RELOAD_EVERY_MS) return;
      reloadedAtMs = performance.now();
      for (const watch of watches) await watch.reload();
      return;
    }
    for (const watch of watches) {
      if (signal.aborted) return;
      if (watch.isDue) await sample(watch, signal);
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
