import { describe, expect, test } from '@jest/globals';
import type { TracesData, TraceSummary } from '@clearway/contracts';
import { querySpans } from '../src/database/monitoring/query-spans.ts';

const NOW_MS = Date.UTC(2026, 10, 22, 12);
const TRACE_ID = 'a'.repeat(32);
const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });

interface SketchedSpan {
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly kind: number;
  readonly durationMs: number;
  readonly attributes: readonly ReturnType<typeof text>[];
}

function trace(spans: readonly SketchedSpan[]): TracesData {
  const nanos = (ms: number): string => String(BigInt(NOW_MS - 60_000 + ms) * 1_000_000n);
  const made = spans.map(({ durationMs, ...span }) => ({
    traceId: TRACE_ID,
    name: 'span',
    startTimeUnixNano: nanos(0),
    endTimeUnixNano: nanos(durationMs),
    ...span,
  }));
  return {
    resourceSpans: [
      { resource: { attributes: [text('service.name', 'shop')] }, scopeSpans: [{ scope: { name: 's' }, spans: made }] },
    ],
  } as unknown as TracesData;
}

function source(spans: readonly SketchedSpan[], startedMs = NOW_MS - 60_000) {
  const asked: string[] = [];
  const summary = { traceId: TRACE_ID, startTime: new Date(startedMs).toISOString(), durationMs: 900 } as TraceSummary;
  const store = {
    find: () => ({ traces: [summary] }),
    trace: (traceId: string) => {
      asked.push(traceId);
      return trace(spans);
    },
  };
  return { asked, spans: querySpans(store, () => NOW_MS) };
}

const SERVER: SketchedSpan = {
  spanId: '1',
  kind: 2,
  durationMs: 900,
  attributes: [text('http.route', '/v1/orders/:id'), text('http.request.method', 'GET')],
};
const between: SketchedSpan = { spanId: '2', parentSpanId: '1', kind: 1, durationMs: 890, attributes: [] };
const query = (durationMs: number, more: Partial<SketchedSpan> = {}): SketchedSpan => ({
  spanId: '3',
  parentSpanId: '2',
  kind: 3,
  durationMs,
  attributes: [text('db.query.text', 'SELECT ? FROM orders')],
  ...more,
});

describe('slow queries in traces', () => {
  test('have the service, the trace, and the route of the request above them', () => {
    expect(source([SERVER, between, query(800)]).spans.since(0)).toEqual([
      {
        queryId: null,
        query: 'SELECT ? FROM orders',
        application: 'shop',
        route: 'GET /v1/orders/:id',
        traceId: TRACE_ID,
        durationMs: 800,
        atMs: NOW_MS - 60_000 + 800,
      },
    ]);
  });

  test('are slow ones only, and a trace is read once', () => {
    const { asked, spans } = source([SERVER, between, query(5)]);
    expect(spans.since(0)).toEqual([]);
    expect(spans.since(0)).toEqual([]);
    expect(asked).toEqual([TRACE_ID]);
  });

  test('wait until their trace has had time to be complete', () => {
    const { asked, spans } = source([SERVER, query(800)], NOW_MS - 1000);
    expect(spans.since(0)).toEqual([]);
    expect(asked).toEqual([]);
  });

  test('without a request above them have no route, also where spans form a circle', () => {
    const alone = source([query(800, { parentSpanId: 'gone' })]).spans.since(0);
    expect(alone).toMatchObject([{ route: null, traceId: TRACE_ID }]);
    expect(source([query(800, { parentSpanId: '3' })]).spans.since(0)).toMatchObject([{ route: null }]);
  });
});
