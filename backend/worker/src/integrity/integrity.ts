import { integrityEntrySchema, type IntegrityCheck, type IntegritySettings } from '@clearway/contracts';
import {
  integrityStore,
  IntegrityMonitor,
  openConnection,
  type CheckState,
  type LeaseKeeper,
  type PassOutcome,
  type Queryable,
} from '@clearway/database';
import { repeat, type Repeated } from './repeat.ts';

/** A database that is looked after, and where it is. */
export interface LookedAfter {
  readonly id: string;
  /** Asked at each connection; throws an Error that says why when there is no address at the moment. */
  readonly connectionString: () => string;
}

/** What is written about the checks. */
export interface IntegrityLog {
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
}

/** Waits until a database is not looked at by others, then does the work. */
export type Turn = <T>(database: string, work: (signal: AbortSignal) => Promise<T>) => Promise<T>;

/** What the integrity checks of a process are made from. */
export interface IntegrityOptions {
  /** The section `integrity`; databases without an entry have their foreign keys looked through. */
  readonly settings: readonly IntegritySettings[];
  readonly databases: readonly LookedAfter[];
  /** Clearway's own database. */
  readonly own: Queryable;
  /** Of those who may ask the databases, see `DatabaseMonitoring`. */
  readonly lease: Pick<LeaseKeeper, 'check'>;
  readonly log: IntegrityLog;
  /** One heavy look at a database at a time, whoever looks; the signal tells when another one wants to. */
  readonly turn?: Turn;
  readonly onPass?: (database: string, outcome: PassOutcome) => void;
}

/** The integrity checks of all databases. */
export interface Integrity {
  readonly monitors: readonly IntegrityMonitor[];
  monitor(database: string): IntegrityMonitor | undefined;
  /** Begins with the passes. */
  start(): void;
  /** Has a pass begin now instead of at its time. */
  wake(database: string): void;
  stop(): Promise<void>;
}

/** Makes them; nothing is asked before `start`. */
export function createIntegrity(options: IntegrityOptions): Integrity {
  const { databases, log, own } = options;
  const store = integrityStore(own);
  const looked = databases.map((database) => ({ database, settings: settingsOf(database.id, options.settings) }));
  const monitors = looked.map(
    ({ database, settings }) =>
      new IntegrityMonitor({
        settings,
        store,
        connect: async (signal) => openConnection(database.connectionString(), 'clearway-integrity', signal),
        onRun: (check, before) => tell(log, check, before),
      }),
  );
  const loops = new Map<string, Repeated>();
  return {
    monitors,
    monitor: (id) => monitors.find(({ database }) => database === id),
    start() {
      for (const [i, monitor] of monitors.entries()) {
        const everyMs = (looked[i]?.settings.pacing.everySeconds ?? 30) * 1000;
        const onError = (error: unknown) => log.warn('an integrity pass failed', { database: monitor.database, error });
        loops.set(monitor.database, repeat(roundOf(monitor, options), { restMs: () => everyMs, onError }));
      }
    },
    wake: (database) => loops.get(database)?.wake(),
    async stop() {
      await Promise.all([...loops.values()].map((loop) => loop.stop()));
    },
  };
}

function settingsOf(database: string, settings: readonly IntegritySettings[]): IntegritySettings {
  return settings.find((entry) => entry.database === database) ?? integrityEntrySchema.parse({ database });
}

function roundOf(monitor: IntegrityMonitor, { lease, turn, onPass }: IntegrityOptions) {
  let wasElsewhere = false;
  return async (signal: AbortSignal): Promise<void> => {
    const isElsewhere = (await lease.check()) === 'elsewhere';
    // what the other process found out last counts
    if (isElsewhere || wasElsewhere) await monitor.reload();
    wasElsewhere = isElsewhere;
    if (isElsewhere || signal.aborted) return;
    const outcome = await (turn
      ? turn(monitor.database, (room) => monitor.pass(AbortSignal.any([signal, room])))
      : monitor.pass(signal));
    onPass?.(monitor.database, outcome);
  };
}

function tell(log: IntegrityLog, check: IntegrityCheck, before: CheckState): void {
  const { database, id, status, violations, severity, reason } = check;
  if (status === before.status) return;
  const fields = { database, check: id, violations, severity };
  if (status === 'violated') return log.warn('an integrity check is violated', fields);
  if (status === 'failed')
    return log.warn('an integrity check cannot run as it is declared', { ...fields, problem: reason });
  if (status === 'ok' && before.status === 'violated') log.info('an integrity check holds again', fields);
}
