import { GONE, type ReplicaRow } from '../replication/replica-memory.ts';
import type { Finding } from './level.ts';
import type { QuickKnowledge } from './quick-findings.ts';
import { bytes, duration, limitsOf, plural } from './words.ts';

const MAX_SLOT_BYTES = 1024 ** 3;

/** How far the slowest replica is behind. */
export function replicationLag({ replicas, thresholds }: Pick<QuickKnowledge, 'replicas' | 'thresholds'>): Finding {
  if ('skipped' in replicas) return replicas;
  const limits = limitsOf(thresholds.replicationLag);
  if (replicas.value.length === 0) return { notWatched: 'there are no replicas' };
  const hidden = replicas.value.filter(({ visible }) => !visible).length;
  const seen = replicas.value.filter(({ visible }) => visible);
  const [slowest] = seen.toSorted((a, b) => (b.lagSeconds ?? 0) - (a.lagSeconds ?? 0));
  const isSeenToBeLate = (slowest?.lagSeconds ?? 0) >= limits.warning;
  if (!slowest || (hidden > 0 && !isSeenToBeLate)) {
    return { skipped: `the lag of ${plural(hidden, 'replica')} is hidden: GRANT pg_monitor to the role` };
  }
  const value = Math.round((slowest.lagSeconds ?? 0) * 1000) / 1000;
  return {
    value,
    unit: 'seconds',
    limits,
    message: `the slowest of ${plural(seen.length, 'replica')}, ${nameOf(slowest, seen)}, ${howFarBehind(slowest, value)}`,
    ...(value >= limits.warning && { recommendation: adviceOnReplica(slowest) }),
    evidence: { names: seen.map(({ replica }) => replica).slice(0, 10) },
  };
}

/** With its address where others have the same name. */
function nameOf({ replica, client }: ReplicaRow, all: readonly ReplicaRow[]): string {
  const isShared = all.filter((other) => other.replica === replica).length > 1;
  return isShared && client !== null ? `${replica} at ${client}` : replica;
}

function howFarBehind({ state, receives, lagBytes }: ReplicaRow, seconds: number): string {
  const behind = `is ${duration(seconds)} behind${lagBytes === null ? '' : `, ${bytes(lagBytes)} of WAL`}`;
  if (state === GONE) return `is not connected any more and ${behind}`;
  return receives ? behind : `receives nothing and ${behind}`;
}

function adviceOnReplica({ state, role, replica, receives }: ReplicaRow): string {
  if (state === GONE) return `Start ${replica} again. One that was taken away on purpose is forgotten after a day.`;
  if (role === 'replica' && !receives)
    return 'Look at its primary_conninfo, and whether its primary runs and lets it in.';
  const where = role === 'replica' ? 'On it' : `On ${replica}`;
  return `${where}, look whether replay is paused (pg_is_wal_replay_paused()), a long query holds it up, or its disk is busy.`;
}

/** Slots that lost what their replica needs, or keep much for one that does not come. */
export function replicationSlots({ answers: { slots } }: Pick<QuickKnowledge, 'answers'>): Finding {
  if ('skipped' in slots) return slots;
  if (slots.value.length === 0) return { notWatched: 'there are no replication slots' };
  const names = (some: readonly { slotName: string }[]): string[] => some.map(({ slotName }) => slotName);
  const lost = slots.value.filter(
    ({ walStatus, invalidatedBecause }) => walStatus === 'lost' || invalidatedBecause !== null,
  );
  if (lost.length > 0) {
    const recommendation = `Make the replica anew, and SELECT pg_drop_replication_slot('${lost[0]?.slotName}').`;
    const message = `${plural(lost.length, 'slot')} lost the WAL that its replica needs: ${names(lost).join(', ')}`;
    return { status: 'critical', message, recommendation, evidence: { names: names(lost) } };
  }
  const keeping = slots.value.filter(
    ({ active, retainedBytes, walStatus }) =>
      walStatus === 'unreserved' || (!active && (retainedBytes ?? 0) > MAX_SLOT_BYTES),
  );
  if (keeping.length === 0)
    return { status: 'ok', message: `${plural(slots.value.length, 'slot')}, none of which keeps much` };
  const [first] = keeping;
  return {
    status: 'warning',
    message: `slot ${first?.slotName} keeps ${bytes(first?.retainedBytes ?? 0)} of WAL for a replica that does not come`,
    recommendation: `Start its replica, or SELECT pg_drop_replication_slot('${first?.slotName}').`,
    evidence: { names: names(keeping) },
  };
}
