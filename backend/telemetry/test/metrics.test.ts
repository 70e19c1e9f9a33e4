import { describe, expect, test } from '@jest/globals';
import {
  createMetrics,
  createRecorder,
  requestMetrics,
  telemetryMetrics,
  type RequestRecord,
} from '@clearway/telemetry';
import { makeAttempt, makeRecord, makeRefused } from './support/records.ts';

function setUp(labelLimit?: number) {
  const metrics = createMetrics({ service: 'g', version: '1.2.3', commit: 'abc', nodeMetrics: false, labelLimit });
  const requests = requestMetrics(metrics, { routes: ['tracks'], upstreams: ['tracks'] });
  const recorder = createRecorder([{ name: 'metrics', accept: requests.sink }], (_sink, error) => {
    throw error;
  });
  return { metrics, requests, emit: (record: RequestRecord) => recorder.emit(record) };
}

async function linesOf(metrics: { render(): Promise<string> }, name: string): Promise<string[]> {
  return (await metrics.render()).split('\n').filter((line) => line.startsWith(name));
}

test('renders OpenMetrics that ends with its mark, the same at every scrape', async () => {
  const { metrics, emit } = setUp();
  emit(makeRecord());
  const first = await metrics.render();
  expect(first).toMatch(/\n# EOF\n$/);
  expect(first).toContain('# TYPE clearway_requests counter');
  expect(first).toContain(
    `clearway_build_info{service="g",version="1.2.3",commit="abc",node_version="${process.version}"} 1`,
  );
  expect(await metrics.render()).toBe(first);
  expect(metrics.contentType).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
});

test('lets others run while it renders', async () => {
  const { metrics } = setUp();
  let ran = 0;
  const tick = (): void => {
    ran++;
    if (ran < 100) setImmediate(tick);
  };
  setImmediate(tick);
  await metrics.render();
  expect(ran).toBeGreaterThan(5);
});

test('has Node’s own metrics', async () => {
  const metrics = createMetrics({ service: 'g', version: '1' });
  const text = await metrics.render();
  expect(text).toContain('nodejs_eventloop_lag_p99_seconds');
  expect(text).toContain('# TYPE nodejs_gc_duration_seconds histogram');
});

describe('a finished request', () => {
  test('counts once, under the configured ids', async () => {
    const { metrics, emit } = setUp();
    emit(makeRefused());
    expect(await linesOf(metrics, 'clearway_requests_total')).toEqual([
      'clearway_requests_total{route="tracks",method="GET",status_class="5xx",reason="connect_refused",upstream="tracks"} 1',
    ]);
    expect(await linesOf(metrics, 'clearway_attempts_total')).toEqual([
      'clearway_attempts_total{upstream="tracks",reason="connect_refused"} 1',
    ]);
  });

  test('has none for its reason when it went well, and its bytes both ways', async () => {
    const { metrics, emit } = setUp();
    emit(makeRecord({ method: 'BREW' }, { bytesIn: 3, bytesOut: 5, upstream: undefined, status: 0 }));
    expect(await linesOf(metrics, 'clearway_requests_total')).toEqual([
      'clearway_requests_total{route="tracks",method="_OTHER",status_class="none",reason="none",upstream="_none"} 1',
    ]);
    expect(await linesOf(metrics, 'clearway_request_bytes_total')).toEqual([
      'clearway_request_bytes_total{route="tracks",direction="in"} 3',
      'clearway_request_bytes_total{route="tracks",direction="out"} 5',
    ]);
  });

  test('has its trace as the exemplar of all three histograms', async () => {
    const { metrics, emit } = setUp();
    const record = makeRecord();
    record.attempts.push(makeAttempt());
    emit(record);
    const exemplars = (await metrics.render()).split('\n').filter((line) => line.includes(' # {'));
    expect(exemplars.map((line) => line.split('{')[0])).toEqual([
      'clearway_request_duration_seconds_bucket',
      'clearway_gateway_duration_seconds_bucket',
      'clearway_upstream_duration_seconds_bucket',
    ]);
    for (const line of exemplars) expect(line).toContain(`# {trace_id="${record.traceId}"}`);
  });

  test('has no exemplar when its trace is not kept', async () => {
    const { metrics, emit } = setUp();
    emit(makeRecord({}, { sampled: false }));
    expect(await metrics.render()).not.toContain(' # {');
  });

  test.each(['stream', 'upgrade'] as const)('is kept out of latency when it is a %s', async (kind) => {
    const { metrics, emit } = setUp();
    emit(makeRecord({}, { kind, latencyObjectiveMs: 500 }));
    expect(await linesOf(metrics, 'clearway_request_duration_seconds_count')).toEqual([]);
    expect(await linesOf(metrics, 'clearway_slo_requests_total{route="tracks",objective="latency"')).toEqual([
      'clearway_slo_requests_total{route="tracks",objective="latency",outcome="good"} 0',
      'clearway_slo_requests_total{route="tracks",objective="latency",outcome="bad"} 0',
    ]);
  });
});

describe('objectives', () => {
  const slo = (objective: string, outcome: string) =>
    `clearway_slo_requests_total{route="tracks",objective="${objective}",outcome="${outcome}"}`;

  test('start at zero, so that their rate is known from the first failure', async () => {
    const { metrics } = setUp();
    expect(await linesOf(metrics, slo('availability', 'bad'))).toEqual([`${slo('availability', 'bad')} 0`]);
  });

  test('a fault is bad for availability; what the client did is not', async () => {
    const { metrics, emit } = setUp();
    emit(makeRefused());
    const aborted = makeRecord();
    aborted.fail('client_abort');
    emit(aborted);
    expect(await linesOf(metrics, slo('availability', 'bad'))).toEqual([`${slo('availability', 'bad')} 1`]);
    expect(await linesOf(metrics, slo('availability', 'good'))).toEqual([`${slo('availability', 'good')} 1`]);
  });

  test('latency counts only where the route has an objective', async () => {
    const { metrics, emit } = setUp();
    emit(makeRecord());
    emit(makeRecord({}, { latencyObjectiveMs: 60_000 }));
    emit(makeRecord({}, { latencyObjectiveMs: 0 }));
    expect(await linesOf(metrics, slo('latency', 'good'))).toEqual([`${slo('latency', 'good')} 1`]);
    expect(await linesOf(metrics, slo('latency', 'bad'))).toEqual([`${slo('latency', 'bad')} 1`]);
  });

  test('a fast failure is no success of latency', async () => {
    const { metrics, emit } = setUp();
    const failed = makeRecord({}, { latencyObjectiveMs: 500 });
    failed.fail('connect_refused');
    emit(failed);
    expect(await linesOf(metrics, slo('latency', 'good'))).toEqual([`${slo('latency', 'good')} 0`]);
  });
});

test('open requests are those that were opened and not closed', async () => {
  const { metrics, requests } = setUp();
  requests.opened();
  requests.opened();
  requests.closed();
  expect(await linesOf(metrics, 'clearway_open_requests')).toEqual(['clearway_open_requests 1']);
});

describe('label budgets', () => {
  test('fold what is too much and count it; configured values have their place', async () => {
    const { metrics, emit } = setUp(3);
    for (const route of ['a', 'b', 'c']) emit(makeRecord({}, { route }));
    emit(makeRecord());
    const routes = (await linesOf(metrics, 'clearway_requests_total')).map((line) => /route="(.+?)"/.exec(line)?.[1]);
    expect(routes).toEqual(['a', '_other', 'tracks']);
    expect(await linesOf(metrics, 'clearway_label_overflow_total')).toEqual([
      'clearway_label_overflow_total{label="route"} 2',
    ]);
  });

  test('take in the routes of a new configuration', async () => {
    const { metrics, requests } = setUp();
    requests.setLabels({ routes: ['posts'], upstreams: ['posts'] });
    expect(await linesOf(metrics, 'clearway_slo_requests_total{route="posts"')).toHaveLength(4);
  });
});

test('the telemetry’s own health is read at each scrape', async () => {
  const metrics = createMetrics({ service: 'g', version: '1', nodeMetrics: false });
  const stats = { queued: 1, exported: 2, dropped: 3, exportFailures: 4 };
  const health = telemetryMetrics(metrics, { tracing: { stats: () => stats }, logs: undefined });
  health.sinkFailed('log');
  await metrics.render();
  stats.dropped = 5;
  expect(await linesOf(metrics, 'clearway_telemetry')).toEqual([
    'clearway_telemetry_queue_length{signal="tracing"} 1',
    'clearway_telemetry_exported_total{signal="tracing"} 2',
    'clearway_telemetry_dropped_total{signal="tracing"} 5',
    'clearway_telemetry_export_failures_total{signal="tracing"} 4',
    'clearway_telemetry_sink_errors_total{sink="log"} 1',
  ]);
});
