import { describe, expect, test } from '@jest/globals';
import {
  createMetrics,
  requestMetrics,
  type Metrics,
  type RequestMetrics,
  type RequestRecord,
} from '@clearway/telemetry';
import type { Delivery } from '../src/record/delivery.ts';
import { generateRecord, seeded } from './support/generated-records.ts';
import { makeRecord } from './support/records.ts';
import { referenceRequestMetrics } from './support/reference-request-metrics.ts';

const LABELS = { routes: ['tracks', 'posts'], upstreams: ['tracks'] };
const BOUNDS = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, Infinity];

type Make = typeof requestMetrics;

function setUp(make: Make = requestMetrics, labelLimit?: number): { metrics: Metrics; requests: RequestMetrics } {
  const metrics = createMetrics({ service: 'g', version: '1', nodeMetrics: false, labelLimit });
  return { metrics, requests: make(metrics, LABELS) };
}

function generate(count: number): RequestRecord[] {
  const random = seeded(7);
  return Array.from({ length: count }, () => generateRecord(random));
}

const withoutExemplars = (text: string): string => text.replace(/ # \{.*/g, '');

interface Shown {
  readonly metric: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly traceId: string;
  readonly value: number;
  readonly timestamp: number;
}

async function exemplarsOf(metrics: Metrics): Promise<Shown[]> {
  const line = /^(\w+)_bucket\{(.*)\} \d+ # \{trace_id="([0-9a-f]{32})"\} (\S+) (\d+(?:\.\d{1,3})?)$/;
  const lines = (await metrics.render()).split('\n').filter((text) => text.includes(' # '));
  return lines.map((text) => {
    const [, metric = '', labels = '', traceId = '', value, timestamp] = line.exec(text) ?? [];
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, of]) => [name, of]);
    const named = Object.fromEntries(pairs) as Record<string, string>;
    return { metric, labels: named, traceId, value: Number(value), timestamp: Number(timestamp) };
  });
}

describe('what is shown is what prom-client would show', () => {
  test.each([
    ['with room for every label', undefined],
    ['with labels folded', 4],
  ])('%s', async (_name, labelLimit) => {
    const [own, reference] = [setUp(requestMetrics, labelLimit), setUp(referenceRequestMetrics, labelLimit)];
    const records = generate(3000);
    for (const { requests } of [own, reference]) {
      for (const record of records.slice(0, 2000)) requests.sink(record);
      requests.setLabels({ routes: ['comments', 'posts'], upstreams: ['posts'] });
      for (const record of records.slice(2000)) requests.sink(record);
      for (let open = 0; open < 3; open++) requests.opened();
      requests.closed();
    }
    const text = withoutExemplars(await own.metrics.render());
    expect(text).toBe(withoutExemplars(await reference.metrics.render()));
    expect(text.split('\n').length).toBeGreaterThan(500);
  });

  test('before the first request too, and in prom-client’s other formats', async () => {
    const [own, reference] = [setUp(), setUp(referenceRequestMetrics)];
    expect(await own.metrics.render()).toBe(await reference.metrics.render());
    for (const { requests } of [own, reference]) {
      for (const record of generate(50)) requests.sink(Object.assign(record, { sampled: false, reason: undefined }));
    }
    const shown = ({ metrics }: typeof own) => metrics.registry.getMetricsAsJSON();
    const bare = (value: unknown): unknown =>
      JSON.parse(JSON.stringify(value, (key, item: unknown) => (key === 'exemplar' ? undefined : item)));
    expect(bare(await shown(own))).toEqual(bare(await shown(reference)));
    expect(await own.metrics.registry.metrics()).toContain('# TYPE clearway_requests counter');
  });

  test('described with the same name, help, type and labels, for the reference', () => {
    const described = ({ metrics }: { metrics: Metrics }) =>
      (metrics.registry.getMetricsAsArray() as unknown as Record<string, unknown>[]).map(
        ({ name, help, type, labelNames }) => ({ name, help, type, labelNames }),
      );
    expect(described(setUp())).toEqual(described(setUp(referenceRequestMetrics)));
  });

  test('and goes back to zero with the registry', async () => {
    const { metrics, requests } = setUp();
    for (const record of generate(100)) requests.sink(record);
    metrics.registry.resetMetrics();
    const values = (await metrics.render()).split('\n').filter((line) => /^clearway_(?!build)/.test(line));
    for (const line of values) expect(line).toMatch(/ 0$/);
  });
});

describe('exemplars', () => {
  test('each is a kept request of that series, in that bucket, at its end', async () => {
    const { metrics, requests } = setUp();
    const records = generate(3000);
    for (const record of records) requests.sink(record);
    const shown = await exemplarsOf(metrics);
    expect(shown.length).toBeGreaterThan(50);
    const byTrace = new Map(records.map((record) => [record.traceId, record]));
    for (const { metric, labels, traceId, value, timestamp } of shown) {
      const record = byTrace.get(traceId)!;
      expect(record.isKept()).toBe(true);
      expect(labels.route).toBe(record.route);
      if (labels.upstream !== undefined) expect(labels.upstream).toBe(record.upstream ?? '_none');
      if (labels.status_class?.endsWith('xx')) expect(labels.status_class[0]).toBe(String(record.status)[0]);
      expect(value).toBe(durationOf(metric, record) / 1000);
      const bound = labels.le === '+Inf' ? Infinity : Number(labels.le);
      expect(value).toBeLessThanOrEqual(bound);
      expect(value).toBeGreaterThan(BOUNDS[BOUNDS.indexOf(bound) - 1] ?? -Infinity);
      expect(timestamp).toBeCloseTo((record.startedAtMs + record.durationMs) / 1000, 3);
    }
  });

  test('stand in the same buckets as prom-client’s', async () => {
    const [own, reference] = [setUp(), setUp(referenceRequestMetrics)];
    for (const record of generate(3000)) for (const { requests } of [own, reference]) requests.sink(record);
    const places = async ({ metrics }: typeof own) =>
      (await metrics.render()).split('\n').flatMap((line) => (/ # \{/.test(line) ? [line.split(' # ')[0]] : []));
    expect(await places(own)).toEqual(await places(reference));
  });

  test('are renewed once a second, also after the clock was set back', async () => {
    const { metrics, requests } = setUp();
    const at = async (startedAtMs: number): Promise<string> => {
      const record = makeRecord({}, { startedAtMs, durationMs: 3 });
      requests.sink(record);
      const [shown] = await exemplarsOf(metrics);
      return shown?.traceId === record.traceId ? 'renewed' : 'kept';
    };
    const start = Date.now();
    const outcomes = [];
    for (const startedAtMs of [start, start + 999, start + 1000, start - 60_000]) outcomes.push(await at(startedAtMs));
    expect(outcomes).toEqual(['renewed', 'kept', 'renewed', 'renewed']);
  });

  test('lead somewhere: each is shown when its spans were taken, the one before it until then, and one that was lost never', async () => {
    const { metrics, requests } = setUp();
    let startedAtMs = Date.now() - 60_000;
    const send = (delivery: Delivery): string => {
      const record = makeRecord({}, { startedAtMs: (startedAtMs += 2000), durationMs: 3, delivery });
      requests.sink(record);
      return record.traceId;
    };
    const shown = async () => new Set((await exemplarsOf(metrics)).map(({ traceId }) => traceId));
    const first: Delivery = { state: 'pending' };
    const firstId = send(first);
    expect(await shown()).toEqual(new Set());
    // a second one does not take the place of one that is on its way
    send({ state: 'pending' });
    first.state = 'delivered';
    expect(await shown()).toEqual(new Set([firstId]));
    const second: Delivery = { state: 'pending' };
    send(second);
    send({ state: 'lost' });
    expect(await shown()).toEqual(new Set([firstId]));
    second.state = 'lost';
    expect(await shown()).toEqual(new Set([firstId]));
    const thirdId = send({ state: 'delivered' });
    expect(await shown()).toEqual(new Set([thirdId]));
  });

  test('are not shown when they are old: stores remove the oldest traces first', async () => {
    const { metrics, requests } = setUp();
    requests.sink(makeRecord({}, { startedAtMs: Date.now() - 601_000, durationMs: 3 }));
    expect(await exemplarsOf(metrics)).toEqual([]);
  });
});

test('a duration that is no number is refused, as it would spoil the sum', async () => {
  const { metrics, requests } = setUp();
  expect(() => requests.sink(makeRecord({}, { durationMs: Number.NaN }))).toThrow(TypeError);
  requests.sink(makeRecord({}, { durationMs: 2 }));
  expect(await metrics.render()).toContain(
    'clearway_request_duration_seconds_sum{route="tracks",status_class="2xx"} 0.002',
  );
});

function durationOf(metric: string, record: RequestRecord): number {
  if (metric === 'clearway_gateway_duration_seconds') return record.gatewayMs();
  return metric === 'clearway_upstream_duration_seconds' ? record.upstreamMs() : record.durationMs;
}
