import type {
  DatabaseBloat,
  DatabaseConnections,
  DatabaseIndexes,
  DatabaseLimits,
  DatabaseLocks,
  DatabaseQueries,
  DatabaseReplication,
  DatabaseSizes,
  QueryCallers,
} from '@clearway/contracts';
import { maskLiterals } from '@clearway/kernel';
import { daysUntil } from '../sizes/growth.ts';
import { valueOf, type Answer } from './answer.ts';
import type { DatabaseWatch, PassResult } from './database-watch.ts';
import type { FullAnswers } from './full-pass.ts';
import { longRunning } from './quick-knowledge.ts';

type Skipped = Readonly<Record<string, string>>;
interface View<T> {
  readonly database: string;
  readonly at: string | null;
  readonly skipped: Skipped;
  readonly data: T | null;
}

/** What was found out about a database, in the forms in which it is served. Made from memory: nothing is asked. */
export const databaseViews = {
  connections(watch: DatabaseWatch): DatabaseConnections {
    return quickView(
      watch,
      ['usage', 'states', 'breakdown', 'sessions'],
      ({ answers, sessions, connectionAdvice }) => ({
        usage: valueOf(answers.usage) ?? null,
        states: valueOf(answers.states) ?? null,
        breakdown: valueOf(answers.breakdown) ?? [],
        longRunning: longRunning(valueOf(sessions) ?? []),
        recommendation: connectionAdvice,
      }),
    );
  },

  locks(watch: DatabaseWatch): DatabaseLocks {
    return quickView(watch, ['waiting', 'relations', 'server'], ({ answers, blockers, counters }) => {
      const waiting = (valueOf(answers.waiting) ?? []).filter(({ blockedBy }) => blockedBy.length > 0);
      const waits = waiting.flatMap(({ waitSeconds }) => waitSeconds ?? []);
      const { seconds, by } = counters ?? { seconds: 0, by: undefined };
      return {
        waiting: waiting.length,
        longestWaitSeconds: waits.length > 0 ? Math.max(...waits) : null,
        blockers: valueOf(blockers) ?? [],
        deadlocksPerMinute: by ? Math.round((6000 * by.deadlocks) / Math.max(seconds, 60)) / 100 : null,
        relations: valueOf(answers.relations) ?? [],
      };
    });
  },

  queries(watch: DatabaseWatch): DatabaseQueries {
    const full = watch.lastFull?.known;
    const { memory } = watch;
    const callersOf = (queryId: string | null, query: string | null): QueryCallers => memory.callers.of(queryId, query);
    const withCallers = <T extends { queryId: string | null; query: string | null }>(row: T) => {
      const query = row.query === null ? null : maskLiterals(row.query);
      return { ...row, query, callers: callersOf(row.queryId, query) };
    };
    const view = quickView(watch, ['queries'], ({ recent, windowSeconds }) => ({
      windowSeconds: Math.round(windowSeconds),
      recent: recent.slice(0, 50).map(({ queryId, calls, meanMs, totalMs, rowsPerCall }) => {
        const query = memory.textOf(queryId) ?? null;
        const figures = { calls, meanMs: round(meanMs), totalMs: round(totalMs), rowsPerCall: round(rowsPerCall) };
        return { queryId, query, roleName: null, ...figures, callers: callersOf(queryId, query) };
      }),
      slowest: (valueOf(full?.slowest) ?? []).map(withCallers),
      byTime: (valueOf(full?.byTime) ?? []).map(withCallers),
    }));
    return { ...view, skipped: { ...view.skipped, ...reasons(full, ['slowest', 'byTime'], watch.lastFull) } };
  },

  sizes(watch: DatabaseWatch): DatabaseSizes {
    const quotaBytes = watch.settings.quotaBytes ?? null;
    return fullView(watch, ['database', 'tables'], (answers) => {
      const database = valueOf(answers.database) ?? null;
      const { growth } = watch;
      const daysUntilQuota = daysUntil(watch.settings.quotaBytes, database?.sizeBytes ?? 0, growth) ?? null;
      return {
        database,
        quotaBytes,
        growth: growth ? { ...growth, daysUntilQuota } : null,
        tables: valueOf(answers.tables) ?? [],
      };
    });
  },

  indexes(watch: DatabaseWatch): DatabaseIndexes {
    const quick = watch.lastQuick?.known;
    return fullView(watch, ['unused', 'problems', 'indexUsage', 'rowSecurity'], (answers) => ({
      unused: (valueOf(answers.unused) ?? []).slice(0, 200),
      problems: (valueOf(answers.problems) ?? []).slice(0, 200),
      lost: watch.memory.indexes.lost.map(({ atMs, ...index }) => ({ ...index, at: new Date(atMs).toISOString() })),
      sequentialReads: valueOf(quick?.sequentialReads) ?? [],
      usage: valueOf(answers.indexUsage) ?? [],
      rowSecurity: (valueOf(answers.rowSecurity) ?? []).slice(0, 200),
    }));
  },

  bloat(watch: DatabaseWatch): DatabaseBloat {
    return fullView(watch, ['bloat', 'vacuum'], (answers) => ({
      bloat: valueOf(answers.bloat) ?? [],
      vacuum: valueOf(answers.vacuum) ?? [],
    }));
  },

  limits(watch: DatabaseWatch): DatabaseLimits {
    return fullView(watch, ['sequences', 'wraparound'], (answers) => ({
      sequences: valueOf(answers.sequences) ?? [],
      wraparound: valueOf(answers.wraparound) ?? [],
    }));
  },

  replication(watch: DatabaseWatch): DatabaseReplication {
    return quickView(watch, ['replicas', 'slots'], ({ answers, replicas }) => ({
      replicas: (valueOf(replicas) ?? []).map(
        ({ role, replica, client, state, syncState, lagBytes, lagSeconds, visible }) => {
          return { role, replica, client, state, syncState, lagBytes, lagSeconds, visible };
        },
      ),
      slots: valueOf(answers.slots) ?? [],
    }));
  },
};

type Quick = NonNullable<NonNullable<DatabaseWatch['lastQuick']>['known']>;

function quickView<T>(watch: DatabaseWatch, parts: readonly string[], make: (known: Quick) => T): View<T> {
  const pass = watch.lastQuick;
  return viewOf(watch, pass, reasons(pass?.known?.answers, parts, pass), pass?.known && make(pass.known));
}

function fullView<T>(watch: DatabaseWatch, parts: readonly string[], make: (answers: FullAnswers) => T): View<T> {
  const pass = watch.lastFull;
  return viewOf(watch, pass, reasons(pass?.known, parts, pass), pass?.known && make(pass.known));
}

function viewOf<T>(
  watch: DatabaseWatch,
  pass: PassResult<unknown> | undefined,
  skipped: Skipped,
  data: T | undefined,
): View<T> {
  return { database: watch.settings.id, at: pass?.at ?? null, skipped, data: data ?? null };
}

/** Why parts are missing; a pass that got no answer at all says it for all of them. */
function reasons(
  answers: Readonly<Record<string, Answer<unknown>>> | undefined,
  parts: readonly string[],
  pass: PassResult<unknown> | undefined,
): Skipped {
  if (!answers) return pass?.skipped ?? { all: 'no pass has been made yet' };
  return Object.fromEntries(
    parts.flatMap((part) => {
      const answer = answers[part];
      return answer && 'skipped' in answer ? [[part, answer.skipped] as const] : [];
    }),
  );
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
