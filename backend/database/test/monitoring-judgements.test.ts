import { describe, expect, test } from '@jest/globals';
import { thresholdsSchema, type DatabaseConnections } from '@clearway/contracts';
import type { Session } from '../src/monitoring/connections/session.ts';
import { recommendConnections } from '../src/monitoring/connections/recommend.ts';
import { IndexMemory } from '../src/monitoring/indexes/lost-indexes.ts';
import { SequentialReads } from '../src/monitoring/indexes/sequential-reads.ts';
import { CheckBoard } from '../src/monitoring/judge/check-board.ts';
import { CheckState } from '../src/monitoring/judge/level.ts';
import { quickFindings, type QuickKnowledge } from '../src/monitoring/judge/quick-findings.ts';
import { bytes, count, duration } from '../src/monitoring/judge/words.ts';
import { blockedBelow, blockerTree } from '../src/monitoring/locks/blocker-tree.ts';
import { daysUntil, growthOf } from '../src/monitoring/sizes/growth.ts';
import { CallerMemory } from '../src/monitoring/slow-queries/callers.ts';
import { queryShape } from '../src/monitoring/slow-queries/query-shape.ts';
import { QueryWindow } from '../src/monitoring/slow-queries/query-window.ts';
import { queryOrigin } from '../src/monitoring/slow-queries/sql-comment.ts';
import { connectionProblem } from '../src/monitoring/watch/connection-problem.ts';
import { CounterWindow } from '../src/monitoring/watch/counter-window.ts';
import { Identity } from '../src/monitoring/watch/identity.ts';

const LIMITS = { warning: 80, critical: 95, forSeconds: 300 };
const over = (value: number) => ({ value, limits: LIMITS, message: '' });

describe('a threshold', () => {
  test('counts when it was passed for as long as it says, and is pending until then', () => {
    const state = new CheckState('connections');
    expect(state.update(over(85), 0).check).toMatchObject({
      status: 'ok',
      pending: { status: 'warning', countsFrom: new Date(300_000).toISOString() },
    });
    expect(state.update(over(97), 100_000).check).toMatchObject({ status: 'ok', pending: { status: 'critical' } });
    expect(state.update(over(97), 300_000)).toMatchObject({ check: { status: 'warning' }, before: 'ok' });
    expect(state.update(over(97), 400_000)).toMatchObject({ check: { status: 'critical' }, before: 'warning' });
    expect(state.update(over(10), 400_001)).toMatchObject({ check: { status: 'ok' }, before: 'critical' });
  });

  test('is judged by the pass nearest to the end of its duration, which may come a moment early', () => {
    const passes = (intervalMs: number, driftMs: number) => {
      const state = new CheckState('connections');
      for (let n = 0; n < 100; n++) {
        const nowMs = n * intervalMs - n * driftMs;
        if (state.update(over(99), nowMs).check.status === 'critical') return nowMs / 1000;
      }
      return undefined;
    };
    expect(passes(15_000, 0)).toBe(300);
    expect(passes(15_000, 20)).toBeCloseTo(299.6);
    expect(passes(15_000, 300)).toBeCloseTo(294);
    // twice as long between two passes as the duration: not before a second pass, and not much before its time
    expect(passes(600_000, 0)).toBe(600);
    expect(passes(284_000, 0)).toBe(568);
  });

  test('begins anew when it was kept once in between', () => {
    const state = new CheckState('connections');
    state.update(over(85), 0);
    state.update(over(79), 200_000);
    expect(state.update(over(85), 300_000).check.status).toBe('ok');
    expect(state.update(over(85), 600_000).check.status).toBe('warning');
  });

  test('is neither confirmed nor cleared by a pass that found nothing, which is never ok', () => {
    const state = new CheckState('connections');
    state.update(over(99), 0);
    expect(state.update({ skipped: 'the database does not answer' }, 150_000).check).toMatchObject({
      status: 'skipped',
    });
    expect(state.update(over(99), 300_000).check).toMatchObject({ status: 'critical', runbook: expect.any(String) });
    // back again without an answer in between: no new event
    expect(state.update({ skipped: 'gone' }, 310_000).before).toBeUndefined();
    expect(state.update(over(99), 320_000).before).toBeUndefined();
  });

  test('is an event when its level changes, and only then', () => {
    const heard: string[] = [];
    const board = new CheckBoard(
      () => 0,
      ({ message }) => heard.push(message),
    );
    board.judge({ size: { status: 'ok', message: 'fine' } });
    board.judge({ size: { skipped: 'no answer' } });
    board.judge({ size: { status: 'critical', message: 'full' } });
    board.judge({ size: { status: 'critical', message: 'still full' } });
    board.judge({ size: { status: 'ok', message: 'fine again' } });
    expect(heard).toEqual(['size: full', 'size: fine again']);
  });
});

describe('what a role cannot see is never ok', () => {
  const thresholds = thresholdsSchema.parse({});
  const session = (more: Partial<Session>) =>
    ({
      pid: 7,
      visible: true,
      state: 'idle in transaction',
      databaseName: 'shop',
      application: 'app',
      ...more,
    }) as Session;
  const known = (more: object) =>
    ({
      thresholds,
      answers: { server: { value: { databaseName: 'shop' } }, usage: none, queries: none, slots: none },
      blockers: none,
      sequentialReads: none,
      sessions: none,
      replicas: none,
      recent: [],
      ...more,
    }) as unknown as QuickKnowledge;
  const none = { skipped: 'not asked' };

  test('sessions: hidden ones may be idle for longer than those that are seen', () => {
    const idle = (...sessions: Session[]) =>
      quickFindings(known({ sessions: { value: sessions } })).idle_in_transaction;
    const hidden = session({ visible: false, state: null });
    expect(idle(session({ stateSeconds: 1 }), hidden)).toEqual({
      skipped: expect.stringContaining('GRANT pg_monitor'),
    });
    expect(idle(session({ stateSeconds: 700 }), hidden)).toMatchObject({ value: 700 });
    expect(idle(session({ stateSeconds: 1 }))).toMatchObject({ value: 1 });
  });

  test('replicas: hidden ones may be further behind than those that are seen', () => {
    const lag = (...rows: object[]) => quickFindings(known({ replicas: { value: rows } })).replication_lag;
    const seen = (lagSeconds: number) => ({ replica: 'a', visible: true, receives: true, lagBytes: 1, lagSeconds });
    const hidden = { ...seen(0), visible: false };
    expect(lag(seen(0), hidden)).toEqual({ skipped: expect.stringContaining('GRANT pg_monitor') });
    expect(lag(seen(31), hidden)).toMatchObject({ value: 31 });
    expect(lag(seen(0))).toMatchObject({ value: 0 });
  });

  test('errors: a few transactions say nothing about their share', () => {
    const rate = (commits: number, rollbacks: number) =>
      quickFindings(known({ counters: { seconds: 300, by: { commits, rollbacks, deadlocks: 0 } } })).error_rate;
    expect(rate(5, 10)).toEqual({ skipped: 'too few transactions to judge: 15 in 5 min' });
    expect(rate(90, 10)).toMatchObject({ value: 10 });
  });
});

describe('what to do about connections', () => {
  const usage = {
    total: 190,
    usable: 197,
    maxConnections: 200,
    reserved: 3,
    usedPercent: 96,
    databaseConnections: 190,
    databaseLimit: null,
    hidden: 0,
  };
  const none = { active: 0, idle: 0, idleInTransaction: 0, waitingForLock: 0, hidden: 0 };
  const longest = { longestQuerySeconds: null, longestTransactionSeconds: null, longestIdleInTransactionSeconds: null };
  const facts = (states: Partial<typeof none>, state: string, more: object = {}) =>
    ({
      usage,
      states: { ...none, ...longest, ...states },
      breakdown: [
        {
          databaseName: 'shop',
          roleName: 'shop',
          application: 'tracks-service',
          state,
          connections: 150,
          oldestStateSeconds: 1,
          visible: true,
        },
        {
          databaseName: 'shop',
          roleName: 'report',
          application: '',
          state,
          connections: 40,
          oldestStateSeconds: 1,
          visible: true,
        },
      ],
      longRunning: [],
      ...more,
    }) as Omit<NonNullable<DatabaseConnections['data']>, 'recommendation'>;

  test.each([
    ['idle pools', facts({ idle: 190 }, 'idle'), /Most are idle: tracks-service keeps 150.*pool size/],
    [
      'forgotten transactions',
      facts({ idleInTransaction: 190 }, 'idle in transaction'),
      /190 sessions hold a transaction open.*150 of them of tracks-service/,
    ],
    ['work', facts({ active: 190 }, 'active'), /Most are at work, 150 of them for tracks-service.*slow queries/],
    ['locks', facts({ active: 190, waitingForLock: 120 }, 'active'), /wait for a lock.*blocks them/],
    [
      'nothing seen',
      { ...facts({}, 'idle'), usage: { ...usage, hidden: 190 } },
      /tracks-service has the most.*pg_monitor/,
    ],
  ])('names the cause: %s', (_name, given, expected) => {
    expect(recommendConnections(given, true)).toMatch(expected);
  });

  test('is nothing while there are enough, but a forgotten transaction is named', () => {
    expect(recommendConnections(facts({ idle: 12 }, 'idle'), false)).toMatch(/^Nothing to do/);
    const forgotten = {
      pid: 7,
      application: 'report',
      route: null,
      state: 'idle in transaction',
      stateSeconds: 300,
      roleName: null,
    };
    expect(recommendConnections(facts({}, 'idle', { longRunning: [forgotten] }), false)).toMatch(
      /process 7 of report.*300 s.*pg_terminate_backend\(7\)/,
    );
  });
});

describe('the tree of blockers', () => {
  type Row = Parameters<typeof blockerTree>[0][number];
  const row = (pid: number, blockedBy: number[], more: Partial<Row> = {}): Row => ({
    pid,
    blockedBy,
    databaseName: 'shop',
    roleName: 'shop',
    application: `app-${pid}`,
    client: null,
    state: 'active',
    waitSeconds: blockedBy.length > 0 ? pid : null,
    transactionSeconds: null,
    stateSeconds: null,
    lockType: null,
    lockMode: null,
    relationName: null,
    queryId: null,
    query: "UPDATE t SET a = 'secret' /*route='GET%20%2Fa'*/",
    visible: true,
    ...more,
  });

  test('stands on whoever waits for nobody, the one that blocks the most first', () => {
    const tree = blockerTree([row(1, []), row(9, []), row(2, [1]), row(3, [2]), row(4, [2, 9])]);
    expect(tree.map((node) => [node.pid, blockedBelow(node)])).toEqual([
      [1, 3],
      [9, 1],
    ]);
    expect(tree[0]).toMatchObject({ route: 'GET /a', query: 'UPDATE t SET a = ?' });
    expect(tree[0]?.blocks[0]?.blocks.map(({ pid }) => pid)).toEqual([3, 4]);
  });

  test('ends where sessions wait for each other, and knows prepared transactions', () => {
    expect(blockerTree([row(1, [2]), row(2, [1])])).toHaveLength(1);
    expect(blockerTree([row(5, [0])])).toMatchObject([{ pid: 0, visible: true, query: null, blocks: [{ pid: 5 }] }]);
    expect(blockerTree([])).toEqual([]);
  });
});

describe('slow queries', () => {
  const counters = (calls: number, totalMs: number, queryKey = 'a') => ({
    queryKey,
    queryId: queryKey,
    calls,
    totalMs,
    rowsReturned: calls,
  });

  test('are measured by the last minutes, not since the beginning of time', () => {
    const window = new QueryWindow(300_000);
    window.add(0, [counters(1000, 1000)]);
    window.add(15_000, [counters(1010, 9000)]);
    expect(window.recent()).toMatchObject([{ queryId: 'a', calls: 10, meanMs: 800 }]);
    for (let ms = 30_000; ms <= 330_000; ms += 15_000) window.add(ms, [counters(1010, 9000)]);
    expect(window.recent()).toEqual([]);
    expect(window.seconds).toBe(300);
  });

  test('that are new count from their first execution, those whose counters were reset from then', () => {
    const window = new QueryWindow(300_000);
    window.add(0, [counters(500, 50_000)]);
    window.add(15_000, [counters(3, 3000), counters(6, 6000, 'new')]);
    expect(window.recent().map(({ queryId, calls, meanMs }) => [queryId, calls, meanMs])).toEqual([
      ['a', 3, 1000],
      ['new', 6, 1000],
    ]);
    window.clear();
    expect(window.recent()).toEqual([]);
  });

  test.each([
    ["SELECT * FROM t WHERE a IN (1, 2, 3) AND b = 'x' -- why", 'select * from t where a in (?) and b = ?'],
    ['SELECT * FROM t WHERE a IN ($1 /*, ... */) AND b = $2', 'select * from t where a in (?) and b = ?'],
    ['select *\n  from t where a in ($1,$2)  and b = ?;', 'select * from t where a in (?) and b = ?'],
  ])('have one shape in statistics, sessions and spans: %s', (query, shape) => {
    expect(queryShape(query)).toBe(shape);
  });

  test('say in a comment who issues them', () => {
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const query = `SELECT 1 /*action='index',application='shop',route='%2Fv1%2Forders%2F%3Aid',traceparent='${traceparent}'*/`;
    expect(queryOrigin(query)).toEqual({ application: 'shop', route: '/v1/orders/:id', traceId: 'a'.repeat(32) });
    expect(queryOrigin("/*route='it\\'s'*/ SELECT 1").route).toBe("it's");
    expect(queryOrigin("SELECT '/*route=1*/'")).toEqual({ application: null, route: null, traceId: null });
    expect(queryOrigin("SELECT 1 /*route='%E0%A4%A'*/").route).toBe('%E0%A4%A');
    expect(queryOrigin(null).route).toBeNull();
  });

  test('are joined with their callers by id and by shape, within bounds', () => {
    const memory = new CallerMemory();
    const sight = { application: 'shop', route: 'GET /a', traceId: 't1', durationMs: 5, atMs: 1000 };
    memory.see([
      { ...sight, queryId: '42', query: 'SELECT 1' },
      { ...sight, queryId: null, query: 'select 2', traceId: 't2', route: 'GET /b', atMs: 2000 },
    ]);
    expect(memory.of('42', 'SELECT $1')).toMatchObject({
      applications: ['shop'],
      routes: [{ route: 'GET /a' }, { route: 'GET /b' }],
      traces: [{ traceId: 't2' }, { traceId: 't1' }],
    });
    memory.see(Array.from({ length: 5000 }, (_, i) => ({ ...sight, queryId: `x${i}`, query: null })));
    expect(memory.of('42', null).routes).toEqual([]);
    memory.forgetBefore(1000 + 7 * 3_600_000);
    expect(memory.of('x4999', null).routes).toEqual([]);
  });
});

describe('rates', () => {
  test('are of the window that was asked for, and begin anew when counters shrink', () => {
    const window = new CounterWindow<'n'>(300_000);
    for (let ms = 0; ms <= 120_000; ms += 15_000) window.add(ms, { n: ms / 1000 });
    expect(window.difference(60_000)).toEqual({ seconds: 60, by: { n: 60 } });
    window.add(135_000, { n: 3 });
    expect(window.difference(60_000)).toBeUndefined();
  });

  test('of tables that are read from end to end count from the pass before they appeared', () => {
    const reads = new SequentialReads();
    const table = { schemaName: 'public', tableName: 'orders', estimatedRows: 50_000, indexScans: 0 };
    reads.update([], 0);
    const [found] = reads.update([{ ...table, sequentialScans: 30, rowsRead: 1_500_000 }], 15_000);
    expect(found).toMatchObject({ scansPerSecond: 2, rowsPerSecond: 100_000 });
  });

  test('of growth tell when a quota is reached', () => {
    const day = 86_400_000;
    const growth = growthOf([0, 1, 2, 3].map((n) => ({ atMs: n * day, sizeBytes: 1000 + n * 100 })));
    expect(growth).toEqual({ bytesPerDay: 100, overDays: 3 });
    expect(daysUntil(2000, 1300, growth)).toBe(7);
    expect(daysUntil(undefined, 1300, growth)).toBeUndefined();
    expect(growthOf([{ atMs: 0, sizeBytes: 1 }])).toBeUndefined();
  });
});

describe('indexes that are gone', () => {
  const index = (indexName: string, columns = indexName) => ({
    tableName: 'public.orders',
    indexName,
    definition: `CREATE INDEX ${indexName} ON public.orders USING btree (${columns})`,
  });
  const bare = { tableName: 'public.orders', indexName: null, definition: null };

  test('are named while their table is there, also when it was the last one', () => {
    const memory = new IndexMemory();
    expect(memory.update([index('a'), index('b')], 0)).toEqual([]);
    expect(memory.update([index('b')], 1)).toMatchObject([{ indexName: 'a', atMs: 1 }]);
    expect(memory.update([bare], 2)).toMatchObject([{ indexName: 'b' }]);
    expect(memory.lost).toHaveLength(2);
    // with the table they are nobody's loss
    memory.update([], 3);
    expect(memory.lost).toEqual([]);
  });

  test('are not missed when another one does the same, or when they are back', () => {
    const memory = new IndexMemory();
    memory.update([index('old', 'a'), index('b')], 0);
    expect(memory.update([index('new', 'a')], 1)).toMatchObject([{ indexName: 'b' }]);
    memory.update([index('new', 'a'), index('b')], 2);
    expect(memory.lost).toEqual([]);
  });
});

describe('a server', () => {
  const server = {
    serverVersion: 150018,
    versionText: '15.18',
    databaseName: 'shop',
    systemIdentifier: '1',
    startedAt: '2026-11-22T00:00:00.000Z',
    inRecovery: false,
  } as Parameters<Identity['update']>[0];

  test('that restarted, became a replica or is another one is said to be so, for ten minutes', () => {
    const identity = new Identity();
    expect(identity.finding(0)).toHaveProperty('skipped');
    expect(identity.update(server, 0)).toBeUndefined();
    expect(identity.finding(0)).toMatchObject({ status: 'ok' });
    expect(identity.update({ ...server, startedAt: '2026-11-22T01:00:00.000Z' }, 1000)?.kind).toBe('restarted');
    expect(identity.update({ ...server, startedAt: '2026-11-22T01:00:00.000Z', inRecovery: true }, 2000)?.kind).toBe(
      'role_changed',
    );
    expect(identity.update({ ...server, systemIdentifier: '2' }, 3000)?.kind).toBe('replaced');
    expect(identity.finding(3000)).toMatchObject({
      status: 'critical',
      message: expect.stringContaining('instead of 1'),
    });
    expect(identity.finding(604_000)).toMatchObject({ status: 'ok' });
  });

  test.each([
    [
      { code: 'ECONNREFUSED', message: 'connect ECONNREFUSED 10.1.2.3:5432' },
      'unreachable',
      /^nothing listens there \(ECONNREFUSED\)$/,
    ],
    [{ code: '28P01', message: 'password authentication failed for user "x"' }, 'refused', /password/],
    [{ code: '53300', message: 'sorry, too many clients already' }, 'full', /too many clients/],
    [{ code: '57P03', message: 'the database system is starting up' }, 'starting', /starting up/],
    [{ code: '08006', message: 'connection failure' }, 'unreachable', /connection failure/],
    [{ message: 'Connection terminated unexpectedly' }, 'unreachable', /terminated/],
    [{ code: '42501', message: 'permission denied for database "x"' }, 'refused', /permission/],
    [{ message: 'self-signed certificate' }, 'refused', /certificate/],
    [{ message: 'timeout expired' }, 'unreachable', /timeout/],
    [
      { message: 'SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string' },
      'refused',
      /^the server wants a password, and the URL has none$/,
    ],
  ])('that cannot be asked says why without its address: %j', (error, kind, message) => {
    const problem = connectionProblem(error);
    expect(problem).toMatchObject({
      kind,
      message: expect.stringMatching(message),
      remedy: expect.stringMatching(/./),
    });
    expect(problem?.message).not.toContain('10.1.2.3');
  });

  test('that refuses one question goes on', () => {
    expect(connectionProblem({ code: '42501', message: 'permission denied for table t' })).toBeUndefined();
    expect(connectionProblem({ code: '55P03', message: 'canceling statement due to lock timeout' })).toBeUndefined();
  });
});

test('figures are told in words', () => {
  expect([count(1_234_567), duration(90), duration(3000), duration(10_800), bytes(1536), bytes(3 * 2 ** 30)]).toEqual([
    '1 234 567',
    '90 s',
    '50 min',
    '3 h',
    '1.5 KiB',
    '3 GiB',
  ]);
});
