import type { DatabaseSummary } from '@clearway/contracts';
import { worstOf } from '../judge/level.ts';
import { valueOf } from './answer.ts';
import type { DatabaseWatch, PassResult } from './database-watch.ts';

/** A pass is overdue after so many of its intervals. */
const STALE_AFTER = 3;

/** One database at a glance. Made from memory: nothing is asked. */
export function databaseSummary(watch: DatabaseWatch, nowMs: number): DatabaseSummary {
  const { settings, checks, server, lastQuick, lastFull } = watch;
  const isStale =
    lastQuick !== undefined && nowMs - Date.parse(lastQuick.at) > STALE_AFTER * settings.quickSeconds * 1000;
  return {
    id: settings.id,
    label: settings.label,
    status: isStale || !lastQuick ? 'unknown' : worstOf(checks),
    reachable: watch.reachable ?? null,
    stale: isStale,
    server: server
      ? {
          version: server.versionText,
          database: server.databaseName,
          systemIdentifier: server.systemIdentifier,
          startedAt: server.startedAt,
          inRecovery: server.inRecovery,
        }
      : null,
    quickPass: passOf(lastQuick),
    fullPass: passOf(lastFull),
    checks,
    capabilities: valueOf(lastFull?.known?.capabilities) ?? [],
  };
}

function passOf(pass: PassResult<unknown> | undefined): DatabaseSummary['quickPass'] {
  if (!pass) return null;
  const { at, durationMs, skipped } = pass;
  return { at, durationMs, skipped: Object.entries(skipped).map(([question, reason]) => `${question}: ${reason}`) };
}

/** The figures of a database that are worth following over time. */
export function databaseFigures({ lastQuick, lastFull, figures, reachable }: DatabaseWatch): Record<string, number> {
  const known = lastQuick?.known;
  const usage = valueOf(known?.answers.usage);
  const states = valueOf(known?.answers.states);
  const replicas = valueOf(known?.replicas) ?? [];
  const database = valueOf(lastFull?.known?.database);
  const perSecond = (count: number | undefined): number | undefined =>
    known?.counters && count !== undefined ? count / known.counters.seconds : undefined;
  const waits = (valueOf(known?.answers.waiting) ?? []).flatMap(({ waitSeconds }) => waitSeconds ?? []);
  const found: Record<string, number | undefined> = {
    reachable: reachable === undefined ? undefined : Number(reachable),
    connections: usage?.total,
    connections_used_percent: usage?.usedPercent,
    active: states?.active,
    idle: states?.idle,
    idle_in_transaction: states?.idleInTransaction,
    waiting_for_lock: states?.waitingForLock,
    longest_lock_wait_seconds: known ? Math.max(0, ...waits) : undefined,
    commits_per_second: perSecond(known?.counters?.by.commits),
    rollbacks_per_second: perSecond(known?.counters?.by.rollbacks),
    deadlocks: known?.counters?.by.deadlocks,
    slowest_query_mean_ms: known ? (known.recent[0]?.meanMs ?? 0) : undefined,
    replication_lag_seconds:
      replicas.length > 0 ? Math.max(...replicas.map(({ lagSeconds }) => lagSeconds ?? 0)) : undefined,
    size_bytes: database?.sizeBytes,
    cache_hit_percent: database?.cacheHitPercent ?? undefined,
    cpu_percent: valueOf(figures?.cpuPercent),
    memory_percent: valueOf(figures?.memoryPercent),
    quick_pass_ms: lastQuick?.durationMs,
  };
  return Object.fromEntries(
    Object.entries(found).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Math.round(value * 1000) / 1000]],
    ),
  );
}
