import { expect, test } from '@jest/globals';
import { ReplicaMemory, type ReplicaRow } from '../src/monitoring/replication/replica-memory.ts';

const SECOND = 1000;
const replica = (logPosition: number, replayedPosition: number | null, more: Partial<ReplicaRow> = {}): ReplicaRow => ({
  role: 'primary',
  replica: 'standby',
  client: '10.0.0.2',
  state: 'streaming',
  syncState: 'async',
  lagBytes: replayedPosition === null ? null : logPosition - replayedPosition,
  lagSeconds: 0.01,
  visible: true,
  logPosition,
  replayedPosition,
  isPhysical: true,
  receives: true,
  ...more,
});

/** The lags after passes every 15 seconds. */
function lagsOf(memory: ReplicaMemory, passes: readonly (readonly ReplicaRow[])[], fromMs = 0): (number | null)[] {
  return passes.map((rows, n) => memory.update(rows, fromMs + n * 15 * SECOND)[0]?.lagSeconds ?? null);
}

test('the lag grows while a replica replays nothing, whatever the server tells, and ends when it has all', () => {
  const passes = [replica(100, 100), replica(200, 100), replica(200, 100), replica(300, 100), replica(300, 300)];
  expect(
    lagsOf(
      new ReplicaMemory(),
      passes.map((row) => [row]),
    ),
  ).toEqual([0, 0.01, 15, 30, 0]);
});

test('a replica that follows, always a little behind, is not late', () => {
  const passes = Array.from({ length: 20 }, (_, n) => [replica(1000 * n, 1000 * n - 10, { lagSeconds: 0.4 })]);
  expect(Math.max(...lagsOf(new ReplicaMemory(), passes).map(Number))).toBe(0.4);
});

test('what a replica tells of itself is the age of the last transaction: on a quiet server that is no lag', () => {
  const quiet = (log: number, replayed: number) =>
    replica(log, replayed, { role: 'replica', replica: 'this server', lagSeconds: 7200, isPhysical: false });
  // it has not replayed yet what it received a moment ago
  expect(lagsOf(new ReplicaMemory(), [[quiet(100, 100)], [quiet(150, 100)]])).toEqual([0, 15]);
  // nothing is received any more, so nobody knows how long the log is
  expect(lagsOf(new ReplicaMemory(), [[{ ...quiet(100, 100), receives: false }]])).toEqual([7200]);
});

test('one that was connected and is not any more is missed for a day, from when it had all', () => {
  const memory = new ReplicaMemory();
  lagsOf(
    memory,
    Array.from({ length: 6 }, () => [replica(100, 100)]),
  );
  const at = (seconds: number) => memory.update([], seconds * SECOND);
  expect(at(90)).toMatchObject([{ replica: 'standby', state: 'gone', lagSeconds: 15, receives: false }]);
  expect(at(75 + 3600)).toMatchObject([{ state: 'gone', lagSeconds: 3600 }]);
  expect(at(75 + 86_401)).toEqual([]);
});

test('who comes and goes is not missed: subscribers, base backups, nameless and short-lived ones', () => {
  const passes = (row: ReplicaRow, count = 6) => Array.from({ length: count }, () => [row]);
  const missed = (row: ReplicaRow, count?: number) => {
    const memory = new ReplicaMemory();
    lagsOf(memory, passes(row, count));
    return memory.update([], 200 * SECOND).length;
  };
  expect(missed(replica(100, 100))).toBe(1);
  expect(missed(replica(100, 100, { isPhysical: false }))).toBe(0);
  expect(missed(replica(100, null, { replica: 'process 4711' }))).toBe(0);
  expect(missed(replica(100, 100), 3)).toBe(0);
});

test('of several with one name each is missed, until as many are there again, from whatever address', () => {
  const memory = new ReplicaMemory();
  const at = (client: string | null) => replica(100, 100, { replica: 'walreceiver', client });
  const three = [at('10.0.0.2'), at('10.0.0.3'), at('10.0.0.3')];
  lagsOf(
    memory,
    Array.from({ length: 6 }, () => three),
  );
  const gone = (rows: readonly ReplicaRow[], seconds: number) =>
    memory.update(rows, seconds * SECOND).filter(({ state }) => state === 'gone');
  expect(gone([at('10.0.0.3'), at('10.0.0.3')], 90)).toMatchObject([{ client: '10.0.0.2', lagSeconds: 15 }]);
  expect(gone([at('10.0.0.3')], 105)).toMatchObject([{ client: '10.0.0.3' }, { client: '10.0.0.2' }]);
  expect(gone([at('10.0.0.3'), at('10.0.0.7')], 120)).toHaveLength(1);
  expect(gone([at('10.0.0.7'), at('10.0.0.3'), at('10.0.0.8')], 135)).toEqual([]);
  expect(gone([], 150)).toHaveLength(3);
});

test('another role of the server begins anew', () => {
  const memory = new ReplicaMemory();
  lagsOf(
    memory,
    Array.from({ length: 6 }, () => [replica(100, 50)]),
  );
  memory.clear();
  expect(memory.update([], 100 * SECOND)).toEqual([]);
});
