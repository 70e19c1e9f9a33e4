import type { DatabaseCheck, DatabaseConnections } from '@clearway/contracts';
import { worstOf } from './judge/level.ts';
import type { DatabaseWatch } from './watch/database-watch.ts';
import { databaseFigures } from './watch/summary.ts';
import { databaseViews } from './watch/views.ts';

/** The figures of a database, and when they were read. */
export interface DatabaseMetrics {
  readonly database: string;
  readonly at: string;
  /** By name, each with its unit last: `connections_used_percent`. What could not be read is not among them. */
  readonly figures: Readonly<Record<string, number>>;
}

/** How a database stands. */
export interface DatabaseHealth {
  readonly database: string;
  readonly at: string;
  /** The worst of the checks; unknown when nothing could be asked. */
  readonly status: 'ok' | 'warning' | 'critical' | 'unknown';
  readonly checks: readonly DatabaseCheck[];
}

/** How the connections of a database stand. */
export interface PoolStatus {
  readonly database: string;
  readonly at: string;
  readonly status: DatabaseCheck['status'];
  readonly usage: NonNullable<DatabaseConnections['data']>['usage'];
  readonly states: NonNullable<DatabaseConnections['data']>['states'];
  readonly breakdown: NonNullable<DatabaseConnections['data']>['breakdown'];
  readonly longRunning: NonNullable<DatabaseConnections['data']>['longRunning'];
  /** What to do, in words. */
  readonly recommendation: string;
}

/** Asks a database how it is. */
export interface DatabaseMonitor {
  /** The figures, from a pass that is at most one interval old. */
  getMetrics(): Promise<DatabaseMetrics>;
  /** The judgements, from a pass that is at most one interval old. */
  checkHealth(): Promise<DatabaseHealth>;
}

/** Asks a database about its connections. */
export interface ConnectionPoolMonitor {
  /** Connections by state, those that have been at it for long, and a recommendation. */
  checkPoolStatus(): Promise<PoolStatus>;
}

/**
 * A monitor of one database. However often it is asked, it asks the database once an interval.
 *
 * @example
 * const databaseMonitor = createDatabaseMonitor(watch);
 * const { status, checks } = await databaseMonitor.checkHealth();
 */
export function createDatabaseMonitor(watch: DatabaseWatch): DatabaseMonitor {
  return {
    async getMetrics() {
      const at = await freshPass(watch);
      return { database: watch.settings.id, at, figures: databaseFigures(watch) };
    },
    async checkHealth() {
      const at = await freshPass(watch);
      return { database: watch.settings.id, at, status: worstOf(watch.checks), checks: watch.checks };
    },
  };
}

/**
 * A monitor of one database's connections.
 *
 * @example
 * const { recommendation } = await createConnectionPoolMonitor(watch).checkPoolStatus();
 */
export function createConnectionPoolMonitor(watch: DatabaseWatch): ConnectionPoolMonitor {
  return {
    async checkPoolStatus() {
      const at = await freshPass(watch);
      const check = watch.checks.find(({ id }) => id === 'connections');
      const { data } = databaseViews.connections(watch);
      return {
        database: watch.settings.id,
        at,
        status: check?.status ?? 'skipped',
        usage: data?.usage ?? null,
        states: data?.states ?? null,
        breakdown: data?.breakdown ?? [],
        longRunning: data?.longRunning ?? [],
        recommendation: data?.recommendation ?? check?.recommendation ?? check?.message ?? 'Nothing is known yet.',
      };
    },
  };
}

async function freshPass(watch: DatabaseWatch): Promise<string> {
  const { lastQuick, settings } = watch;
  const isFresh = lastQuick && watch.nowMs() - Date.parse(lastQuick.at) < settings.quickSeconds * 1000;
  return isFresh ? lastQuick.at : (await watch.quick()).at;
}
