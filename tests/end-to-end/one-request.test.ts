import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startClient } from './support/client.ts';
import { startStack, type Stack } from './support/stack.ts';
import { readOpenMetrics, type Sample } from './support/open-metrics.ts';
import type { LogLine } from './support/processes.ts';
import type { ReceivedSpan, SentryEvent } from '../receivers/index.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
}, 120_000);
afterAll(() => stack.stop());

/** The trace ids of the answers, by route. */
const seen = new Map<string, string[]>();

/** Everything that the product said about one request. */
interface Signals {
  readonly answer: Response;
  readonly server: ReceivedSpan;
  readonly attempts: readonly ReceivedSpan[];
  readonly line: LogLine;
  readonly samples: readonly Sample[];
  readonly event: SentryEvent | undefined;
}

async function signalsOf(path: string, route: string, init?: RequestInit): Promise<Signals> {
  const answer = await fetch(stack.gateway + path.replace(':track', stack.trackId), init);
  await answer.arrayBuffer();
  const traceId = answer.headers.get('trace-id') ?? '';
  const isOurs = (span: ReceivedSpan) => span.traceId === traceId && span.service === 'api-gateway';
  const server = await stack.otlp.waitFor(() => stack.otlp.spans().find((s) => isOurs(s) && s.kind === 'server'));
  const attempts = stack.otlp.spans().filter((span) => isOurs(span) && span.kind === 'client');
  const line = await stack.gatewayProcess.waitForLine((l) => l['trace_id'] === traceId && l['message'] === 'request');
  const samples = await scrapeWithExemplar(route);
  const isFault = answer.status >= 500;
  const isOurEvent = ({ contexts, tags }: SentryEvent) =>
    contexts?.['trace']?.['trace_id'] === traceId && tags?.['service'] === 'api-gateway';
  const find = () => stack.sentry.events().find(isOurEvent);
  const event = isFault ? await stack.sentry.waitFor(find) : find();
  return { answer, server, attempts, line, samples, event };
}

/** Scrapes until the route has an exemplar: it is shown when the receiver has said that it took the spans. */
async function scrapeWithExemplar(route: string): Promise<readonly Sample[]> {
  for (;;) {
    const samples = readOpenMetrics(await (await fetch(`${stack.admin}/metrics`)).text());
    if (samples.some(({ labels, exemplar }) => labels['route'] === route && exemplar !== undefined)) return samples;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** One row a request: what all signals must agree on. */
const CASES = [
  {
    title: 'a list',
    path: '/v1/tracks?limit=2&token=hidden',
    route: 'tracks',
    pattern: '/v1/tracks/*',
    status: 200,
    attempts: 1,
  },
  {
    title: 'an upstream that fails',
    path: '/v1/tracks/:track/report',
    route: 'report',
    pattern: '/v1/tracks/:id/report',
    status: 500,
    reason: 'upstream_5xx',
    attempts: 1,
  },
  {
    title: 'a refused connection',
    path: '/broken',
    route: 'broken',
    pattern: '/broken',
    status: 502,
    reason: 'connect_refused',
    attempts: 1,
  },
  {
    title: 'an unknown route',
    path: '/nowhere',
    route: '_none',
    pattern: undefined,
    status: 404,
    reason: 'route_not_found',
    attempts: 0,
  },
  {
    title: 'a method that is not taken',
    path: '/broken',
    method: 'POST',
    route: '_none',
    pattern: undefined,
    status: 405,
    reason: 'method_not_allowed',
    attempts: 0,
  },
] as const;

describe('one request, one record: span, metric, log line, error event and answer agree', () => {
  test.each(CASES)('$title', async (expected) => {
    const { path, route, pattern, status, attempts } = expected;
    const reason = 'reason' in expected ? expected.reason : undefined;
    const method = 'method' in expected ? expected.method : 'GET';
    const signals = await signalsOf(path, route, { method });
    const { answer, server, line, samples, event } = signals;
    const traceId = answer.headers.get('trace-id') ?? '';

    expect(answer.status).toBe(status);
    expect(answer.headers.get('clearway-reason')).toBe(reason ?? null);

    expect(server.name).toBe(pattern === undefined ? method : `${method} ${pattern}`);
    expect(server.attributes['http.route']).toBe(pattern);
    expect(server.attributes['http.response.status_code']).toBe(status);
    expect(server.attributes['error.type']).toBe(reason);
    expect(server.attributes['clearway.route']).toBe(route);
    expect(server.attributes['clearway.request_id']).toBe(answer.headers.get('x-request-id'));
    expect(server.failed).toBe(status >= 500);

    expect(signals.attempts).toHaveLength(attempts);
    for (const attempt of signals.attempts) {
      expect(attempt.parentSpanId).toBe(server.spanId);
      expect(attempt.attributes['http.response.status_code']).toBe(reason === 'connect_refused' ? undefined : status);
      expect(attempt.attributes['error.type']).toBe(reason);
    }

    expect(line).toMatchObject({ trace_id: traceId, span_id: server.spanId, route, method, status, attempts });
    expect(line['request_id']).toBe(answer.headers.get('x-request-id'));
    expect(line['reason'] ?? undefined).toBe(reason);

    const labels = { route, method, reason: reason ?? 'none', status_class: `${Math.floor(status / 100)}xx` };
    const counted = samples.filter((s) => s.name === 'clearway_requests_total' && matches(s, labels));
    expect(counted.reduce((sum, { value }) => sum + value, 0)).toBe(1);
    // a bucket renews its exemplar at most once a second: it may still be that of the request before, never another's
    seen.set(route, [...(seen.get(route) ?? []), traceId]);
    const exemplars = samples.filter((s) => s.labels['route'] === route && s.exemplar !== undefined);
    expect(exemplars).not.toHaveLength(0);
    for (const { exemplar } of exemplars) expect(seen.get(route)).toContain(exemplar);

    if (status < 500) expect(event).toBeUndefined();
    else {
      expect(event?.tags).toMatchObject({ reason, route });
      expect(event?.fingerprint).toEqual([reason, route]);
      expect(event?.contexts?.['trace']).toMatchObject({ trace_id: traceId, span_id: server.spanId });
    }
  });

  test('nothing that was received holds a query value, and no request made two SERVER spans in the gateway', () => {
    const all = JSON.stringify([stack.otlp.spans(), stack.gatewayProcess.lines]) + stack.sentry.text();
    expect(all).not.toContain('hidden');
    const servers = stack.otlp.spans().filter((s) => s.service === 'api-gateway' && s.kind === 'server');
    expect(new Set(servers.map((s) => s.traceId)).size).toBe(servers.length);
  });
});

function matches({ labels }: Sample, wanted: Record<string, string>): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}

test('one upload is one tree: client, gateway, attempt, service, SQL', async () => {
  const client = startClient(stack.otlp.url);
  const file = new Uint8Array(300_000).fill(1);
  const { traceId, answer } = await client.upload(`${stack.gateway}/v1/tracks/${stack.trackId}/file`, file);
  await client.close();
  expect(answer.status).toBeLessThan(300);
  expect(answer.headers.get('trace-id')).toBe(traceId);

  const isSql = (span: ReceivedSpan) => typeof span.attributes['db.query.text'] === 'string';
  // each process sends its spans in batches: the tree is whole when nothing but the client's span lacks its parent
  const spans = await stack.otlp.waitFor(() => {
    const received = stack.otlp.spans().filter((span) => span.traceId === traceId);
    const ids = new Set(received.map((span) => span.spanId));
    const roots = received.filter(({ parentSpanId }) => !ids.has(parentSpanId));
    const isWhole = roots.length === 1 && roots[0]?.service === 'client-under-test' && received.some(isSql);
    return isWhole ? received : undefined;
  });
  const byId = new Map(spans.map((span) => [span.spanId, span]));

  const sql = spans.find(isSql);
  const path: string[] = [];
  for (let span = sql; span; span = byId.get(span.parentSpanId)) path.unshift(`${span.service} ${span.kind}`);
  expect(path.filter((step, i) => step !== path[i - 1])).toEqual(
    expect.arrayContaining([
      'client-under-test client',
      'api-gateway server',
      'api-gateway client',
      'tracks-service server',
    ]),
  );
  const services = spans.filter(({ service, kind }) => service === 'tracks-service' && kind === 'server');
  expect(services).toHaveLength(1);
  expect(services[0]?.attributes['http.route']).toBe('/v1/tracks/:id/file');
  await stack.serviceProcess.waitForLine((line) => line['trace_id'] === traceId);
});
