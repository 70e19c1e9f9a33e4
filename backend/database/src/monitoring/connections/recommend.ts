import type { DatabaseConnections } from '@clearway/contracts';
import { describeSession } from './session.ts';

type Facts = NonNullable<DatabaseConnections['data']>;
type Usage = NonNullable<Facts['usage']>;
type Share = { readonly application: string; readonly connections: number };

const LONG_IDLE_SECONDS = 60;
const HALF = 0.5;

/**
 * What to do about the connections of a database, in words: the cause that the figures point to, and the remedy.
 *
 * @param isTight whether the threshold is passed, or nearly
 */
export function recommendConnections(facts: Omit<Facts, 'recommendation'>, isTight: boolean): string {
  const { usage, states } = facts;
  if (!usage || !states) return 'Nothing can be said: the connections could not be counted.';
  const inUse = `${usage.total} of ${usage.usable} connections are in use`;
  const idleOwner = longIdleInTransaction(facts);
  if (!isTight) {
    return idleOwner === undefined ? `Nothing to do: ${inUse}.` : `${inUse}, which is enough. But ${idleOwner}`;
  }
  return [`${inUse}.`, cause(facts, usage, idleOwner), hidden(usage)].filter((part) => part !== '').join(' ');
}

function cause(facts: Omit<Facts, 'recommendation'>, usage: Usage, idleOwner: string | undefined): string {
  const { states } = facts;
  if (!states) return '';
  const isMany = (part: number): boolean => part >= usage.total * HALF;
  if (isMany(states.waitingForLock)) {
    return 'Most sessions wait for a lock: end the session that blocks them (see the locks).';
  }
  if (
    isMany(states.idleInTransaction) ||
    (idleOwner !== undefined && states.idleInTransaction > 0 && !isMany(states.idle))
  ) {
    const most = largest(facts, (state) => state?.startsWith('idle in transaction') ?? false);
    const who = most ? `, ${most.connections} of them of ${most.application}` : '';
    return `${states.idleInTransaction} sessions hold a transaction open and do nothing${who}: commit or roll back before anything else is awaited, and set idle_in_transaction_session_timeout.`;
  }
  if (isMany(states.idle)) {
    const most = largest(facts, (state) => state === 'idle');
    const who = most ? `${most.application} keeps ${most.connections} of them` : 'their pools are too large';
    return `Most are idle: ${who}. Lower the pool size, or put a pooler such as PgBouncer between.`;
  }
  if (isMany(states.active)) {
    const most = largest(facts, (state) => state === 'active');
    const who = most ? `, ${most.connections} of them for ${most.application}` : '';
    return `Most are at work${who}: look at the slow queries first; more connections would make each slower.`;
  }
  const most = largest(facts, () => true);
  return most
    ? `${most.application} has the most, ${most.connections}: lower its pool size, or put a pooler between.`
    : '';
}

function longIdleInTransaction({ longRunning }: Omit<Facts, 'recommendation'>): string | undefined {
  const found = longRunning.find(
    ({ state, stateSeconds }) => state?.startsWith('idle in transaction') && (stateSeconds ?? 0) >= LONG_IDLE_SECONDS,
  );
  if (!found) return undefined;
  const seconds = Math.round(found.stateSeconds ?? 0);
  return `${describeSession(found)} holds a transaction open and has done nothing for ${seconds} s: let it commit or roll back, or end it with SELECT pg_terminate_backend(${found.pid}).`;
}

function largest(
  { breakdown }: Omit<Facts, 'recommendation'>,
  matches: (state: string | null) => boolean,
): Share | undefined {
  const byApplication = new Map<string, number>();
  for (const { application, roleName, state, connections } of breakdown) {
    if (!matches(state)) continue;
    const name = application || `role ${roleName ?? 'unknown'}`;
    byApplication.set(name, (byApplication.get(name) ?? 0) + connections);
  }
  const [first] = [...byApplication].sort(([, a], [, b]) => b - a);
  return first && { application: first[0], connections: first[1] };
}

function hidden({ hidden: count }: Usage): string {
  return count === 0 ? '' : `What ${count} sessions do is hidden: GRANT pg_monitor to the role that watches.`;
}
