import { afterEach, describe, expect, test } from '@jest/globals';
import { logsDataSchema, tracesDataSchema } from '@clearway/contracts';
import type { TraceStoreOptions } from '../src/traces/store/trace-store.ts';
import { InvalidCursorError } from '../src/traces/store/find-traces.ts';
import { bytesOnDisk, openStore, type StoreUnderTest } from './support/store.ts';
import { delivery, gatewaySpan, logDelivery, logRecord, newSpanId, newTraceId, span, T0_MS } from './support/spans.ts';

const opened: StoreUnderTest[] = [];

function open(options: Partial<TraceStoreOptions> = {}): StoreUnderTest {
  const under = openStore(options);
  opened.push(under);
  return under;
}

afterEach(() => opened.splice(0).forEach((under) => under.remove()));

describe('a trace', () => {
  test('is read as it was accepted, before anything was written', () => {
    const { store } = open({ delayMs: 60_000 });
    const server = gatewaySpan({ traceId: newTraceId() });
    store.acceptSpans(delivery('api-gateway', server));
    const trace = store.trace(server.traceId);
    expect(tracesDataSchema.parse(trace)).toEqual(delivery('api-gateway', server).resourceSpans && trace);
    expect(trace?.resourceSpans[0]?.scopeSpans[0]?.spans).toEqual([server]);
  });

  test('is written without being read', async () => {
    const { store } = open({ delayMs: 1 });
    store.acceptSpans(delivery('a', span()));
    while (store.stats().queued > 0) await new Promise(setImmediate);
    expect(store.stats().stored).toEqual({ spans: 1, logs: 0 });
  });

  test('is joined by spans that come late and from other services, each under its own process', () => {
    const { store } = open();
    const traceId = newTraceId();
    const server = gatewaySpan({ traceId, startMs: 0 });
    const inner = span({ traceId, parentSpanId: server.spanId, kind: 2, startMs: 2 });
    store.acceptSpans(delivery('tracks-service', inner));
    store.flush();
    store.acceptSpans(delivery('api-gateway', server));
    const { resourceSpans } = store.trace(traceId) ?? { resourceSpans: [] };
    expect(resourceSpans.map(({ scopeSpans }) => scopeSpans[0]?.spans)).toEqual([[inner], [server]]);
    const [summary] = store.find({ limit: 10 }).traces;
    expect(summary).toMatchObject({
      traceId,
      service: 'api-gateway',
      services: ['api-gateway', 'tracks-service'],
      spanCount: 2,
      route: 'tracks',
      path: '/v1/tracks/1',
      requestId: `request-of-${traceId}`,
    });
  });

  test('holds a span once, however often it is sent', () => {
    const { store } = open();
    const only = span();
    store.acceptSpans(delivery('a', only, only));
    store.flush();
    store.acceptSpans(delivery('a', only));
    expect(store.trace(only.traceId)?.resourceSpans[0]?.scopeSpans[0]?.spans).toHaveLength(1);
    expect(store.find({ limit: 1 }).traces[0]?.spanCount).toBe(1);
  });

  test('shows spans in the order of their start, under one process and one library', () => {
    const { store } = open();
    const traceId = newTraceId();
    for (const startMs of [30, 10, 20])
      store.acceptSpans(delivery('a', span({ traceId, startMs, name: `${startMs}` })));
    const { resourceSpans } = store.trace(traceId) ?? { resourceSpans: [] };
    expect(resourceSpans).toHaveLength(1);
    expect(resourceSpans[0]?.scopeSpans[0]?.spans.map(({ name }) => name)).toEqual(['10', '20', '30']);
  });

  test('has its log records, also when no span came', () => {
    const { store } = open();
    const traceId = newTraceId();
    store.acceptLogs(logDelivery('a', logRecord(traceId, 'first'), logRecord(traceId, 'second')));
    const logs = store.logs(traceId);
    expect(logsDataSchema.parse(logs)).toEqual(logs);
    const texts = logs?.resourceLogs[0]?.scopeLogs[0]?.logRecords.map(({ body }) => body.stringValue);
    expect(texts).toEqual(['first', 'second']);
    expect(store.trace(traceId)).toEqual({ resourceSpans: [] });
    expect(store.find({ limit: 10 }).traces).toEqual([]);
  });

  test('that nobody sent is unknown', () => {
    const { store } = open();
    expect([store.trace(newTraceId()), store.logs(newTraceId())]).toEqual([undefined, undefined]);
  });

  test('has bounds: what is beyond them is dropped and counted, but the gateway can still name it', () => {
    const { store } = open({ bounds: { spans: 3, logs: 2 } });
    const traceId = newTraceId();
    const many = Array.from({ length: 10 }, () => span({ traceId, kind: 1, parentSpanId: newSpanId() }));
    store.acceptSpans(delivery('a', ...many));
    store.acceptLogs(logDelivery('a', ...['1', '2', '3'].map((text) => logRecord(traceId, text))));
    store.acceptSpans(delivery('api-gateway', gatewaySpan({ traceId })));
    const [summary] = store.find({ limit: 1 }).traces;
    expect(summary).toMatchObject({ spanCount: 4, logCount: 2, route: 'tracks' });
    expect(store.stats().dropped.trace_full).toBe(8);
  });

  test('refuses a span that is too large', () => {
    const { store } = open();
    const huge = span({ attributes: { text: 'x'.repeat(300_000) } });
    expect(store.acceptSpans(delivery('a', huge, span()))).toBe(1);
    expect(store.stats().dropped.too_large).toBe(1);
    expect(store.trace(huge.traceId)).toBeUndefined();
  });
});

describe('looking for traces', () => {
  function filled() {
    const { store } = open();
    const traces = {
      fast: gatewaySpan({ traceId: newTraceId(), startMs: 0 }),
      failed: gatewaySpan({ traceId: newTraceId(), startMs: 1000, reason: 'connect_refused', status: 502 }),
      slow: gatewaySpan({ traceId: newTraceId(), startMs: 2000, durationMs: 1500, route: 'posts' }),
      other: span({ traceId: newTraceId(), startMs: 3000, name: 'job' }),
    };
    store.acceptSpans(delivery('api-gateway', traces.fast, traces.failed, traces.slow));
    store.acceptSpans(delivery('worker', traces.other));
    const ids = (search: object) => store.find({ limit: 10, ...search }).traces.map(({ traceId }) => traceId);
    return { store, ids, ...traces };
  }

  test('gives the newest first', () => {
    const { ids, fast, failed, slow, other } = filled();
    expect(ids({})).toEqual([other, slow, failed, fast].map(({ traceId }) => traceId));
  });

  test('by route, reason, duration, service, request id and time', () => {
    const { ids, fast, failed, slow, other } = filled();
    expect(ids({ route: 'posts' })).toEqual([slow.traceId]);
    expect(ids({ reason: 'connect_refused' })).toEqual([failed.traceId]);
    expect(ids({ minDurationMs: 1000 })).toEqual([slow.traceId]);
    expect(ids({ service: 'worker' })).toEqual([other.traceId]);
    expect(ids({ service: 'work' })).toEqual([]);
    expect(ids({ requestId: `request-of-${fast.traceId}` })).toEqual([fast.traceId]);
    expect(ids({ sinceMs: T0_MS + 2000 })).toEqual([other.traceId, slow.traceId]);
    expect(ids({ route: 'tracks', minDurationMs: 1000 })).toEqual([]);
  });

  test('tells what is known of each', () => {
    const { store, failed } = filled();
    expect(store.find({ limit: 1, reason: 'connect_refused' }).traces).toEqual([
      {
        traceId: failed.traceId,
        name: 'GET /v1/tracks/*',
        service: 'api-gateway',
        services: ['api-gateway'],
        startTime: '2026-01-01T00:00:01.000Z',
        durationMs: 10,
        class: 'failed',
        route: 'tracks',
        method: 'GET',
        path: '/v1/tracks/1',
        status: 502,
        reason: 'connect_refused',
        requestId: `request-of-${failed.traceId}`,
        spanCount: 1,
        errorCount: 0,
        logCount: 0,
      },
    ]);
  });

  test('page by page gives each trace once, also those that started together', () => {
    const { store } = open();
    const spans = Array.from({ length: 25 }, (_, i) => span({ startMs: Math.floor(i / 5) }));
    store.acceptSpans(delivery('a', ...spans));
    const seen: string[] = [];
    for (let cursor: string | undefined, pages = 0; pages < 10; pages++) {
      const page = store.find({ limit: 4, ...(cursor !== undefined && { cursor }) });
      seen.push(...page.traces.map(({ traceId }) => traceId));
      cursor = page.nextCursor;
      if (cursor === undefined) break;
    }
    expect(seen).toHaveLength(25);
    expect(new Set(seen)).toEqual(new Set(spans.map(({ traceId }) => traceId)));
  });

  test('refuses a cursor that no page gave', () => {
    const { store } = open();
    expect(() => store.find({ limit: 1, cursor: 'nonsense' })).toThrow(InvalidCursorError);
  });
});

describe('a full store', () => {
  const padded = { attributes: { padding: 'x'.repeat(1500) } };

  test('removes ordinary traces first, then slow ones, then failed ones, the oldest of each first', () => {
    const { store } = open({ limitBytes: 1024 * 1024 });
    const made = { failed: [] as string[], slow: [] as string[], ordinary: [] as string[] };
    const put = (kind: keyof typeof made, count: number): void => {
      for (let i = 0; i < count; i++) {
        const traceId = newTraceId();
        made[kind].push(traceId);
        const sketch = { traceId, ...padded };
        const how = { failed: { reason: 'upstream_5xx' }, slow: { durationMs: 2000 }, ordinary: {} }[kind];
        store.acceptSpans(delivery('api-gateway', gatewaySpan({ ...sketch, ...how })));
        if (i % 10 === 9) store.flush();
      }
    };
    const kept = (kind: keyof typeof made) => made[kind].filter((traceId) => store.trace(traceId)).length;
    const areNewest = (kind: keyof typeof made) =>
      made[kind].slice(made[kind].length - kept(kind)).every((traceId) => store.trace(traceId));

    put('failed', 60);
    put('slow', 60);
    put('ordinary', 400);
    expect([kept('failed'), kept('slow')]).toEqual([60, 60]);
    expect(kept('ordinary')).toBeLessThan(400);
    expect(areNewest('ordinary')).toBe(true);

    put('slow', 400);
    expect(kept('failed')).toBe(60);
    expect(kept('slow')).toBeLessThan(460);
    expect(areNewest('slow')).toBe(true);
    expect(kept('ordinary')).toBeLessThan(25);

    put('failed', 400);
    expect(kept('slow')).toBeLessThan(25);
    expect(areNewest('failed')).toBe(true);

    const { evicted } = store.stats();
    expect(Object.values(evicted).every((count, retention) => retention === 0 || count > 0)).toBe(true);
  });

  test('full of failed traces still keeps the ordinary trace that was made just now', () => {
    const { store } = open({ limitBytes: 1024 * 1024 });
    for (let i = 0; i < 800; i++) {
      store.acceptSpans(
        delivery('api-gateway', gatewaySpan({ reason: 'upstream_5xx', ...padded, traceId: newTraceId() })),
      );
      if (i % 10 === 0) store.flush();
    }
    expect(store.stats().evicted['failed']).toBeGreaterThan(0);
    const fresh = gatewaySpan({ traceId: newTraceId() });
    store.acceptSpans(delivery('api-gateway', fresh));
    expect(store.trace(fresh.traceId)).toBeDefined();
  });

  test('never takes more bytes on disk than it may, log and companions included', () => {
    const limitBytes = 3 * 1024 * 1024;
    const { store, folder } = open({ limitBytes });
    let most = 0;
    for (let i = 0; i < 60; i++) {
      store.acceptSpans(delivery('a', ...Array.from({ length: 50 }, () => span(padded))));
      store.flush();
      most = Math.max(most, bytesOnDisk(folder));
    }
    expect(store.stats().stored.spans).toBe(3000);
    expect(most).toBeLessThanOrEqual(limitBytes);
    expect(most).toBeGreaterThan(limitBytes / 2);
  });

  test('gives bytes back when its bound was lowered', () => {
    const under = open({ limitBytes: 4 * 1024 * 1024 });
    for (let i = 0; i < 30; i++)
      under.store.acceptSpans(delivery('a', ...Array.from({ length: 60 }, () => span(padded))));
    const lower = 1024 * 1024;
    const store = under.reopen({ limitBytes: lower });
    for (let i = 0; i < 20; i++) {
      store.acceptSpans(delivery('a', span(padded)));
      store.flush();
    }
    expect(bytesOnDisk(under.folder)).toBeLessThanOrEqual(lower);
    expect(store.find({ limit: 500 }).traces.length).toBeGreaterThan(20);
  });

  test('refuses what its queue has no room for, and says how many', () => {
    const { store } = open({ limitBytes: 1024 * 1024, delayMs: 60_000 });
    const spans = Array.from({ length: 1000 }, () => span(padded));
    const refused = store.acceptSpans(delivery('a', ...spans));
    expect(refused).toBeGreaterThan(100);
    expect(store.isFull).toBe(true);
    expect(store.stats().dropped.queue_full).toBe(refused);
    store.flush();
    expect(store.isFull).toBe(false);
  });
});
