import type { DatabaseCheckId, DatabaseThresholds } from '@clearway/contracts';
import type { LostIndex } from '../indexes/lost-indexes.ts';
import type { SequentialRead } from '../indexes/sequential-reads.ts';
import type { BlockerNode } from '@clearway/contracts';
import { describeSession, type Session } from '../connections/session.ts';
import { blockedBelow } from '../locks/blocker-tree.ts';
import type { ReplicaRow } from '../replication/replica-memory.ts';
import type { RecentQuery } from '../slow-queries/query-window.ts';
import type { Answer } from '../watch/answer.ts';
import type { CounterDifference } from '../watch/counter-window.ts';
import type { QuickAnswers } from '../watch/quick-pass.ts';
import type { Finding } from './level.ts';
import { replicationLag, replicationSlots } from './replication-findings.ts';
import { count, duration, limitsOf, plural } from './words.ts';

/** What a quick pass knows, answers and what follows from several passes. */
export interface QuickKnowledge {
  readonly answers: QuickAnswers;
  readonly thresholds: DatabaseThresholds;
  readonly sessions: Answer<readonly Session[]>;
  readonly blockers: Answer<readonly BlockerNode[]>;
  readonly recent: readonly RecentQuery[];
  readonly windowSeconds: number;
  /** The text of a query without its values. */
  readonly textOf: (queryId: string | null) => string | undefined;
  readonly routesOf: (queryId: string | null) => {
    readonly routes: readonly string[];
    readonly traceIds: readonly string[];
  };
  readonly counters: CounterDifference<'commits' | 'rollbacks' | 'deadlocks'> | undefined;
  readonly sequentialReads: Answer<readonly SequentialRead[]>;
  readonly lostIndexes: readonly LostIndex[];
  /** With those that are gone, and with the lag that passes saw. */
  readonly replicas: Answer<readonly ReplicaRow[]>;
  readonly connectionAdvice: string;
}

/** Fewer transactions say nothing about their share. */
const MIN_TRANSACTIONS = 20;
const FIRST_PASS = 'known from the second pass on';

/** The judgements of a quick pass. */
export function quickFindings(known: QuickKnowledge): Partial<Record<DatabaseCheckId, Finding>> {
  return {
    connections: connections(known),
    lock_wait: lockWait(known),
    idle_in_transaction: idleInTransaction(known),
    query_time: queryTime(known),
    error_rate: errorRate(known),
    deadlocks: deadlocks(known),
    sequential_reads: sequentialReads(known),
    replication_lag: replicationLag(known),
    replication_slots: replicationSlots(known),
  };
}

function connections({ answers: { usage }, thresholds, connectionAdvice }: QuickKnowledge): Finding {
  if ('skipped' in usage) return usage;
  const { total, usable, usedPercent, databaseConnections, databaseLimit } = usage.value;
  const limits = limitsOf(thresholds.connections);
  const ofDatabase = databaseLimit === null ? '' : `, ${databaseConnections} of ${databaseLimit} of this database`;
  return {
    value: usedPercent,
    unit: 'percent',
    limits,
    message: `${total} of ${usable} connections are in use${ofDatabase}`,
    ...(usedPercent >= limits.warning && { recommendation: connectionAdvice }),
  };
}

function lockWait({ blockers, thresholds }: QuickKnowledge): Finding {
  if ('skipped' in blockers) return blockers;
  const waits = blockers.value.flatMap(waitsOf);
  const limits = limitsOf(thresholds.lockWait);
  const longest = Math.max(0, ...waits.map(({ waitSeconds }) => waitSeconds ?? 0));
  const [root] = blockers.value;
  if (!root || waits.length === 0) return { value: 0, unit: 'seconds', limits, message: 'nobody waits for a lock' };
  const table = root.blocks.find(({ relationName }) => relationName !== null)?.relationName;
  const doing = root.query === null ? '' : `: ${root.query.slice(0, 200)}`;
  return {
    value: longest,
    unit: 'seconds',
    limits,
    message: `${plural(waits.length, 'session waits', 'sessions wait')} for a lock, the longest for ${duration(longest)}; ${describeSession(root)} blocks ${blockedBelow(root)}${table ? ` on ${table}` : ''}${doing}`,
    recommendation: `Let ${describeSession(root)} finish, or end it: SELECT pg_terminate_backend(${root.pid})`,
    evidence: {
      pids: [root.pid, ...waits.map(({ pid }) => pid)].slice(0, 20),
      traceIds: tracesOf([root, ...waits]),
      routes: routesOf([root, ...waits]),
      names: table ? [table] : [],
    },
  };
}

function waitsOf(node: BlockerNode): BlockerNode[] {
  return node.blocks.flatMap((child) => [child, ...waitsOf(child)]);
}

function tracesOf(sessions: readonly { readonly traceId: string | null }[]): string[] {
  return [...new Set(sessions.flatMap(({ traceId }) => traceId ?? []))].slice(0, 10);
}

function routesOf(sessions: readonly { readonly route: string | null }[]): string[] {
  return [...new Set(sessions.flatMap(({ route }) => route ?? []))].slice(0, 10);
}

function idleInTransaction({ sessions, answers, thresholds }: QuickKnowledge): Finding {
  if ('skipped' in sessions) return sessions;
  const { server } = answers;
  const own = 'value' in server ? server.value.databaseName : undefined;
  const idle = sessions.value
    .filter(({ state, databaseName }) => state?.startsWith('idle in transaction') && databaseName === own)
    .sort((a, b) => (b.stateSeconds ?? 0) - (a.stateSeconds ?? 0));
  const limits = limitsOf(thresholds.idleInTransaction);
  const hidden = sessions.value.filter(({ visible }) => !visible).length;
  const [longest] = idle;
  if (hidden > 0 && (longest?.stateSeconds ?? 0) < limits.warning) {
    return { skipped: `${plural(hidden, 'session')} cannot be seen: GRANT pg_monitor to the role` };
  }
  if (!longest) {
    return { value: 0, unit: 'seconds', limits, message: 'nobody holds a transaction open without doing anything' };
  }
  const seconds = longest.stateSeconds ?? 0;
  return {
    value: seconds,
    unit: 'seconds',
    limits,
    message: `${describeSession(longest)} holds a transaction open and has done nothing for ${duration(seconds)}; its last query: ${longest.query?.slice(0, 200) ?? 'unknown'}`,
    recommendation: `Commit or roll back in ${longest.application || 'the application'}, or end it: SELECT pg_terminate_backend(${longest.pid}); idle_in_transaction_session_timeout does so by itself`,
    evidence: {
      pids: idle.map(({ pid }) => pid).slice(0, 20),
      traceIds: tracesOf(idle),
      routes: routesOf(idle),
    },
  };
}

function queryTime(known: QuickKnowledge): Finding {
  const { answers, thresholds, recent, windowSeconds, textOf, routesOf: callersOf } = known;
  if ('skipped' in answers.queries) return answers.queries;
  if (windowSeconds === 0) return { skipped: FIRST_PASS };
  const limits = limitsOf(thresholds.queryTime);
  const judged = recent.filter(({ calls }) => calls >= thresholds.queryTime.minimumCalls);
  const slow = judged.filter(({ meanMs }) => meanMs >= limits.warning);
  const [slowest] = judged;
  if (!slowest) {
    return { value: 0, unit: 'milliseconds', limits, message: 'no query was slow within the last minutes' };
  }
  const { queryId, meanMs, calls } = slowest;
  const { routes, traceIds } = callersOf(queryId);
  const more = slow.length > 1 ? ` and ${slow.length - 1} more` : '';
  const from = routes.length > 0 ? `, issued by ${routes.slice(0, 3).join(', ')}` : '';
  return {
    value: Math.round(meanMs * 10) / 10,
    unit: 'milliseconds',
    limits,
    message: `the slowest query took ${count(meanMs)} ms in the mean of ${plural(calls, 'call')}${from}${more}: ${textOf(queryId)?.slice(0, 300) ?? 'its text is hidden'}`,
    evidence: { queryIds: slow.flatMap((query) => query.queryId ?? []).slice(0, 10), routes, traceIds },
  };
}

function errorRate({ answers: { server }, counters, thresholds }: QuickKnowledge): Finding {
  if ('skipped' in server) return server;
  if (!counters) return { skipped: FIRST_PASS };
  const { commits, rollbacks } = counters.by;
  const limits = limitsOf(thresholds.errorRate);
  const all = commits + rollbacks;
  if (all < MIN_TRANSACTIONS) {
    return { skipped: `too few transactions to judge: ${all} in ${duration(counters.seconds)}` };
  }
  const value = Math.round((10_000 * rollbacks) / all) / 100;
  const message = `${count(rollbacks)} of ${count(all)} transactions were rolled back within ${duration(counters.seconds)}`;
  return { value, unit: 'percent', limits, message };
}

function deadlocks({ answers: { server }, counters, thresholds }: QuickKnowledge): Finding {
  if ('skipped' in server) return server;
  if (!counters) return { skipped: FIRST_PASS };
  const { deadlocks: found } = counters.by;
  const value = Math.round((found / Math.max(counters.seconds, 60)) * 6000) / 100;
  const isQuiet = found === 0;
  return {
    value,
    unit: 'per_minute',
    limits: limitsOf(thresholds.deadlocks),
    message: isQuiet ? 'no deadlocks' : `${plural(found, 'deadlock')} within ${duration(counters.seconds)}`,
    ...(!isQuiet && {
      recommendation:
        'Lock rows in the same order everywhere; the log of the server names the queries of each deadlock.',
    }),
  };
}

function sequentialReads({ sequentialReads: reads, lostIndexes, thresholds }: QuickKnowledge): Finding {
  if ('skipped' in reads) return reads;
  const limits = limitsOf(thresholds.sequentialReads);
  const [worst] = reads.value;
  if (!worst) {
    return { value: 0, unit: 'rows_per_second', limits, message: 'no large table is read from end to end' };
  }
  const table = `${worst.schemaName}.${worst.tableName}`;
  const lost = lostIndexes.find(({ tableName }) => tableName === table);
  return {
    value: Math.round(worst.rowsPerSecond),
    unit: 'rows_per_second',
    limits,
    message: `${table} (${count(worst.estimatedRows)} rows) is read from end to end ${worst.scansPerSecond.toFixed(1)} times a second, ${count(worst.rowsPerSecond)} rows a second${lost ? `; its index ${lost.indexName} is gone since ${new Date(lost.atMs).toISOString()}` : ''}`,
    recommendation: lost
      ? `Make it again: ${lost.definition.replace('INDEX', 'INDEX CONCURRENTLY')}`
      : 'Look with EXPLAIN which of its queries finds no index, and CREATE INDEX CONCURRENTLY.',
    evidence: { names: [table, ...(lost ? [lost.indexName] : [])] },
  };
}
