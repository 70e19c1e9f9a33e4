import type { BlockerNode } from '@clearway/contracts';
import { maskLiterals } from '@clearway/kernel';
import type { RowOf } from '../functions/define.ts';
import { queryOrigin } from '../slow-queries/sql-comment.ts';
import type { blockingTree } from './queries.ts';

type Row = RowOf<typeof blockingTree.columns>;

/** Deeper than any real chain; also ends the circle that a deadlock is for the second until the server resolves it. */
const MAX_DEPTH = 20;
const PREPARED_TRANSACTION = 0;

/**
 * The sessions that others wait for, each with those that it blocks. A session that waits for several stands below each.
 *
 * @param rows the sessions that wait, and those that they wait for
 * @returns the sessions that wait for nobody, the one that blocks the most first
 */
export function blockerTree(rows: readonly Row[]): BlockerNode[] {
  const byPid = new Map(rows.map((row) => [row.pid, row]));
  const waiters = new Map<number, Row[]>();
  for (const row of rows) {
    for (const pid of new Set(row.blockedBy)) waiters.set(pid, [...(waiters.get(pid) ?? []), row]);
  }
  const node = (pid: number, path: readonly number[]): BlockerNode => {
    const isCircle = path.includes(pid) || path.length >= MAX_DEPTH;
    const blocked = isCircle ? [] : (waiters.get(pid) ?? []);
    return { ...sessionOf(pid, byPid.get(pid)), blocks: blocked.map((row) => node(row.pid, [...path, pid])) };
  };
  const isWaiting = (pid: number): boolean => (byPid.get(pid)?.blockedBy.length ?? 0) > 0;
  const roots = [...waiters.keys()].filter((pid) => !isWaiting(pid));
  // when all wait for each other the one that has waited longest stands for them
  const starts = roots.length > 0 ? roots : [...waiters.keys()].slice(0, 1);
  return starts.map((pid) => node(pid, [])).sort((a, b) => blockedBelow(b) - blockedBelow(a));
}

/** How many sessions wait for this one, directly and behind others. */
export function blockedBelow({ blocks }: BlockerNode): number {
  return blocks.reduce((sum, child) => sum + 1 + blockedBelow(child), 0);
}

function sessionOf(pid: number, row: Row | undefined): Omit<BlockerNode, 'blocks'> {
  const query = row?.query ?? null;
  const { application, route, traceId } = queryOrigin(query);
  return {
    pid,
    databaseName: row?.databaseName ?? null,
    roleName: row?.roleName ?? null,
    application: row?.application || application,
    client: row?.client ?? null,
    state: row?.state ?? null,
    route,
    traceId,
    query: query === null ? null : maskLiterals(query),
    queryId: row?.queryId ?? null,
    waitSeconds: row?.waitSeconds ?? null,
    transactionSeconds: row?.transactionSeconds ?? null,
    stateSeconds: row?.stateSeconds ?? null,
    lockType: row?.lockType ?? null,
    lockMode: row?.lockMode ?? null,
    relationName: row?.relationName ?? null,
    visible: pid === PREPARED_TRANSACTION || (row?.visible ?? false),
  };
}
