import { request } from 'node:http';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  startOtlpReceiver,
  startSentryReceiver,
  type OtlpReceiver,
  type ReceivedSpan,
  type SentryReceiver,
} from '../../../tests/receivers/index.ts';
import { startServiceProcess, type ServiceProcess } from './support/service-process.ts';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT_ID = '00f067aa0ba902b7';

let otlp: OtlpReceiver;
let sentry: SentryReceiver;
let service: ServiceProcess;

beforeAll(async () => {
  otlp = await startOtlpReceiver();
  sentry = await startSentryReceiver();
  service = await startServiceProcess(variables());
});
afterAll(async () => {
  await service.stop();
  await otlp.close();
  await sentry.close();
});

function variables(): Record<string, string> {
  return {
    OTEL_LOCAL_URL: otlp.url,
    OTEL_BSP_SCHEDULE_DELAY: '50',
    SENTRY_DSN: sentry.dsn,
    SENTRY_TRACES: 'true',
    SENTRY_ENVIRONMENT: 'test',
  };
}

/** By a plain socket of this process, as the gateway would: with the trace context of its CLIENT span. */
function get(
  path: string,
): Promise<{ status: number | undefined; headers: NodeJS.Dict<string | string[]>; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = { traceparent: `00-${TRACE_ID}-${PARENT_ID}-01`, 'x-request-id': 'from-the-gateway' };
    request(`${service.url}${path}`, { headers }, (answer) => {
      let body = '';
      answer.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body }));
    })
      .on('error', reject)
      .end();
  });
}

function spanOf(path: string, kind: ReceivedSpan['kind'] = 'server'): Promise<ReceivedSpan> {
  return otlp.waitFor(() => otlp.spans().find((span) => span.kind === kind && span.attributes['url.path'] === path));
}

/** A line of the service's log, which comes by another way than its spans. */
async function lineOf(isWanted: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
  for (;;) {
    const line = service.lines().find(isWanted);
    if (line) return line;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('a request to a service with the two lines', () => {
  const path = '/v1/lists/42/items/cover?token=s3cr3t';
  let answer: Awaited<ReturnType<typeof get>>;
  let server: ReceivedSpan;
  beforeAll(async () => {
    answer = await get(path);
    server = await spanOf('/v1/lists/42/items/cover');
  });

  test('takes over the ids of the gateway, and gives them back', () => {
    expect(answer).toMatchObject({
      status: 200,
      headers: { 'trace-id': TRACE_ID, 'x-request-id': 'from-the-gateway' },
      body: '{"item":"cover"}',
    });
  });

  test('has one SERVER span, child of the gateway’s, named after its route without values', () => {
    expect(server).toMatchObject({
      traceId: TRACE_ID,
      parentSpanId: PARENT_ID,
      name: 'GET /v1/lists/:id/items/:item',
      service: 'fixture',
    });
    expect(server.attributes).toMatchObject({
      'http.route': '/v1/lists/:id/items/:item',
      'clearway.request_id': 'from-the-gateway',
    });
    const own = otlp.spans().filter((span) => span.kind === 'server' && span.parentSpanId === PARENT_ID);
    expect(own.filter((span) => span.attributes['url.path'] === '/v1/lists/42/items/cover')).toHaveLength(1);
  });

  test('is one tree with what happened within: own spans, calls by fetch and by http', async () => {
    const load = await otlp.waitFor(() => otlp.spans().find((span) => span.name === 'load'));
    expect(load.parentSpanId).toBe(server.spanId);
    const calls = await otlp.waitFor(() => {
      const found = otlp.spans().filter((span) => span.kind === 'client' && span.parentSpanId === load.spanId);
      return found.length === 2 && found;
    });
    expect(calls.map((span) => span.attributes['url.full'])).toEqual([
      expect.stringMatching(/\/plain\?key=REDACTED$/),
      expect.stringMatching(/\/plain\?key=REDACTED$/),
    ]);
  });

  test('has no query value in any span', () => {
    expect(JSON.stringify(otlp.spans())).not.toMatch(/s3cr3t|v4lue/);
  });

  test('has an access line and log lines with the same ids', async () => {
    const log = await otlp.waitFor(() => otlp.logs().find((line) => line.body === 'in the handler'));
    expect(log).toMatchObject({ traceId: TRACE_ID, spanId: server.spanId });
    const access = await lineOf((line) => line.message === 'request' && line.path === '/v1/lists/42/items/cover');
    expect(access).toMatchObject({
      trace_id: TRACE_ID,
      span_id: server.spanId,
      request_id: 'from-the-gateway',
      route: '/v1/lists/:id/items/:item',
      status: 200,
    });
  });

  test('is in the metrics, with its trace as the exemplar', async () => {
    let { body } = await get('/metrics');
    // it is shown when the receiver has said that it took the spans
    while (!body.includes(`trace_id="${TRACE_ID}"`)) ({ body } = await get('/metrics'));
    expect(body).toContain(
      'service_requests_total{route="/v1/lists/:id/items/:item",method="GET",status_class="2xx",reason="none"} 1',
    );
  });

  test('goes to Sentry as the same spans', async () => {
    const sent = await sentry.waitFor(() => sentry.spans().find((span) => span.spanId === server.spanId));
    expect(sent.traceId).toBe(TRACE_ID);
  });
});

test('a handler that throws: span, answer, log line and event name the same trace and reason', async () => {
  const answer = await get('/fails');
  const span = await spanOf('/fails');
  const event = await sentry.waitFor(() => sentry.events()[0]);
  expect(answer).toMatchObject({ status: 500, headers: { 'content-type': 'application/problem+json' } });
  expect(JSON.parse(answer.body)).toMatchObject({ reason: 'internal', traceId: TRACE_ID, title: 'The service failed' });
  expect(span).toMatchObject({ traceId: TRACE_ID, failed: true, attributes: { 'clearway.reason': 'internal' } });
  expect(span.events.map(({ name }) => name)).toContain('exception');
  expect(event.contexts?.trace).toMatchObject({ trace_id: TRACE_ID, span_id: span.spanId });
  expect(event.tags).toMatchObject({ reason: 'internal', route: '/fails', service: 'fixture' });
  expect(await lineOf((line) => line.path === '/fails')).toMatchObject({ level: 'error', trace_id: TRACE_ID });
  expect(answer.body + sentry.text() + JSON.stringify(service.lines())).not.toContain('abcdefgh');
});

test('scrapes, and the calls that carry telemetry, are not traced', async () => {
  await get('/metrics');
  await get('/plain');
  await spanOf('/plain');
  const paths = otlp.spans().map((span) => String(span.attributes['url.full'] ?? span.attributes['url.path']));
  expect(paths.filter((path) => /metrics|v1\/traces|v1\/logs|envelope|otlp/.test(path))).toEqual([]);
});

test('an error that nobody catches is reported and logged, then the process drains and exits with 1', async () => {
  const doomed = await startServiceProcess(variables());
  await fetch(`${doomed.url}/crash`).catch(() => undefined);
  expect(await doomed.exited).toBe(1);
  expect(doomed.lines()).toContainEqual(
    expect.objectContaining({ level: 'error', message: 'the process cannot go on', origin: 'uncaughtException' }),
  );
  await sentry.waitFor(() => sentry.events().find((event) => event.level === 'fatal'));
});

test('bad variables end the process with 78 and the whole list, without showing secrets', async () => {
  const run = promisify(execFile)(
    process.execPath,
    ['-C', '@clearway/source', new URL('fixtures/service.ts', import.meta.url).pathname],
    { env: { ...process.env, OTEL_EXPORTER: 'nowhere', SENTRY_DSN: 'http://secretkey@host', LOG_LEVEL: 'loud' } },
  );
  const failure = (await run.catch((error: unknown) => error)) as { code: number; stderr: string };
  expect(failure.code).toBe(78);
  expect(failure.stderr).toMatch(/OTEL_EXPORTER[\s\S]*SENTRY_DSN[\s\S]*LOG_LEVEL/);
  expect(failure.stderr).not.toContain('secretkey');
});
