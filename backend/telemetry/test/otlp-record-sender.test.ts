import { EventEmitter, once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { RequestRecord } from '@clearway/telemetry';
import type { Tracing } from '@clearway/telemetry/tracing';
import { decodeSpans } from '../../../tests/receivers/otlp-protobuf.ts';
import { startOtlpReceiver, startSentryReceiver } from '../../../tests/receivers/index.ts';
import { startReceiver, type Delivery } from '../../../tests/receivers/receiver.ts';
import { makeAttempt, makeRecord } from './support/records.ts';
import { setVariables, startTestTracing } from './support/tracing.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function started(
  options: Parameters<typeof startTestTracing>[0] = {},
  variables: Record<string, string> = {},
): Tracing {
  cleanups.push(setVariables({ OTEL_BSP_SCHEDULE_DELAY: '60000', ...variables }));
  const tracing = startTestTracing(options);
  cleanups.push(() => tracing.shutdown(200));
  return tracing;
}

/** Each with about `sizeBytes` and two spans. */
function emit(tracing: Tracing, count: number, sizeBytes = 0): void {
  for (let sent = 0; sent < count; sent++) {
    const record = makeRecord({ userAgent: 'x'.repeat(sizeBytes) });
    record.attempts.push(makeAttempt());
    tracing.spanSink(record);
  }
}

async function collector(): Promise<Awaited<ReturnType<typeof startOtlpReceiver>>> {
  const receiver = await startOtlpReceiver();
  cleanups.push(() => receiver.close());
  return receiver;
}

/** A collector of its own manners. */
async function listening(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describe('a record says what became of its spans', () => {
  test('on the way, taken, lost with its request, or never sent', async () => {
    const receiver = await collector();
    const start = (more: Record<string, string> = {}) =>
      started({ localUrl: receiver.url }, { OTEL_BSP_MAX_QUEUE_SIZE: '2', ...more });
    const tracing = start();
    const accept = (fields: object = {}, to = tracing): RequestRecord => {
      const record = makeRecord({}, fields);
      record.attempts.push(makeAttempt());
      to.spanSink(record);
      return record;
    };
    const taken = accept();
    expect(taken.delivery).toEqual({ state: 'pending' });
    expect(accept().delivery).toEqual({ state: 'lost' });
    expect(accept({ sampled: false }).delivery).toBeUndefined();
    await tracing.forceFlush();
    expect(taken.delivery).toEqual({ state: 'delivered' });
    receiver.setMode('hang');
    const impatient = start({ OTEL_EXPORTER_OTLP_TIMEOUT: '50' });
    const hanging = accept({}, impatient);
    await impatient.forceFlush();
    expect(hanging.delivery).toEqual({ state: 'lost' });
  });

  test('nothing is delivered where nothing is traced', () => {
    const tracing = started({ enabled: false });
    const record = makeRecord();
    tracing.spanSink(record);
    expect(record.delivery).toEqual({ state: 'lost' });
  });
});

describe('a collector that', () => {
  test('hangs is given four requests and no more; the rest is bounded, dropped and counted', async () => {
    const receiver = await collector();
    receiver.setMode('hang');
    const tracing = started({ localUrl: receiver.url }, { OTEL_BSP_EXPORT_TIMEOUT: '1500' });
    emit(tracing, 2000, 8192);
    const { queued, dropped } = tracing.stats();
    expect(queued + dropped).toBe(4000);
    // five buffers of 1 MiB, each with records of 9 KB
    expect(queued).toBeGreaterThan(1000);
    expect(queued * 4096).toBeLessThan(5 * 1024 * 1024);
    await receiver.waitFor(() => receiver.deliveries === 4);
    await tracing.forceFlush();
    expect(receiver.deliveries).toBe(5);
    expect(tracing.stats()).toEqual({ queued: 0, exported: 0, dropped: 4000, exportFailures: 5 });
  });

  test('answers again is given all that comes then, from the same buffers', async () => {
    const receiver = await collector();
    const variables = { OTEL_BSP_EXPORT_TIMEOUT: '1000', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '40' };
    const tracing = started({ localUrl: receiver.url }, variables);
    receiver.setMode('hang');
    emit(tracing, 80);
    await tracing.forceFlush();
    expect(tracing.stats()).toEqual({ queued: 0, exported: 0, dropped: 160, exportFailures: 4 });
    receiver.setMode('accept');
    for (let round = 0; round < 12; round++) {
      emit(tracing, 100, 20 * round);
      await tracing.forceFlush();
    }
    expect(tracing.stats()).toEqual({ queued: 0, exported: 2400, dropped: 160, exportFailures: 4 });
    expect(new Set(receiver.spans().map((span) => span.spanId)).size).toBe(2400);
  });

  test('is slow gets what was waiting for a free place as soon as there is one', async () => {
    const waiting: (() => void)[] = [];
    const arrivals = new EventEmitter();
    const { url } = await listening((request, response) => {
      request.resume().on('end', () => {
        waiting.push(() => response.end());
        if (waiting.length === 4) arrivals.emit('four');
        if (waiting.length === 5) response.end();
      });
    });
    const tracing = started({ localUrl: url }, { OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '2' });
    const four = once(arrivals, 'four');
    emit(tracing, 10);
    const flushed = tracing.forceFlush();
    await four;
    expect(tracing.stats()).toMatchObject({ queued: 20, exported: 0 });
    for (const answer of waiting) answer();
    await flushed;
    expect(waiting).toHaveLength(5);
    expect(tracing.stats()).toEqual({ queued: 0, exported: 20, dropped: 0, exportFailures: 0 });
  });

  test('refuses connections loses what it is not there for, counted and told', async () => {
    const problems: string[] = [];
    const { server, url } = await listening(() => {});
    server.close();
    const tracing = started(
      { localUrl: url, onProblem: (text) => problems.push(text) },
      // less than the second after which it would be tried again
      { OTEL_EXPORTER_OTLP_TIMEOUT: '700' },
    );
    emit(tracing, 3);
    await tracing.forceFlush();
    expect(tracing.stats()).toEqual({ queued: 0, exported: 0, dropped: 6, exportFailures: 1 });
    expect(problems).toEqual([expect.stringMatching(/^spans were not exported: connect ECONNREFUSED/)]);
  });

  test.each([429, 502, 503, 504])('answers %i is asked again when it says so', async (status) => {
    const bodies: Buffer[] = [];
    const { url } = await listening((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        bodies.push(Buffer.concat(chunks));
        response.writeHead(bodies.length === 1 ? status : 200, { 'retry-after': '0' }).end();
      });
    });
    const tracing = started({ localUrl: url });
    emit(tracing, 2);
    await tracing.forceFlush();
    expect(bodies).toHaveLength(2);
    expect(bodies[1]).toEqual(bodies[0]);
    expect(tracing.stats()).toEqual({ queued: 0, exported: 4, dropped: 0, exportFailures: 0 });
  });

  test('answers 400 is not asked again', async () => {
    let requests = 0;
    const { url } = await listening((request, response) => {
      requests++;
      request.resume().on('end', () => response.writeHead(400).end());
    });
    const problems: string[] = [];
    const tracing = started({ localUrl: url, onProblem: (text) => problems.push(text) });
    emit(tracing, 1);
    await tracing.forceFlush();
    expect(requests).toBe(1);
    expect(problems).toEqual(['spans were not exported: the collector answered 400 Bad Request']);
  });

  test('answers before it has read everything holds nothing up', async () => {
    const { url } = await listening((_request, response) => response.writeHead(200).end());
    const tracing = started({ localUrl: url });
    for (let round = 0; round < 5; round++) {
      emit(tracing, 100, 8192);
      await tracing.forceFlush();
    }
    expect(tracing.stats().queued).toBe(0);
  });
});

describe('a request is sent', () => {
  async function delivered(variables: Record<string, string>, path: string): Promise<Delivery> {
    const deliveries: Delivery[] = [];
    const receiver = await startReceiver((delivery) => deliveries.push(delivery));
    cleanups.push(() => receiver.close());
    const withUrl = Object.entries(variables).map(([name, value]) => [name, value.replace('URL', receiver.url)]);
    const tracing = started({ exporter: 'otlp' }, Object.fromEntries(withUrl) as Record<string, string>);
    emit(tracing, 1);
    await tracing.forceFlush();
    const [delivery] = deliveries;
    if (!delivery) throw new Error('nothing was delivered');
    expect(delivery.path).toBe(path);
    expect(decodeSpans(delivery.body)).toHaveLength(2);
    return delivery;
  }

  test('where the variables of all signals say, with their headers', async () => {
    const variables = { OTEL_EXPORTER_OTLP_ENDPOINT: 'URL/base', OTEL_EXPORTER_OTLP_HEADERS: 'a=1,b=two%20words' };
    const { headers } = await delivered(variables, '/base/v1/traces');
    expect(headers).toMatchObject({ a: '1', b: 'two words', 'content-type': 'application/x-protobuf' });
  });

  test('where those of traces say, which come first, compressed when they say so', async () => {
    const { headers } = await delivered(
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'URL/own/path',
        OTEL_EXPORTER_OTLP_HEADERS: 'a=1,b=1',
        OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'b=2',
        OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      },
      '/own/path',
    );
    expect(headers).toMatchObject({ a: '1', b: '2', 'content-encoding': 'gzip' });
  });

  test('by itself after the delay', async () => {
    const receiver = await collector();
    const tracing = started({ localUrl: receiver.url }, { OTEL_BSP_SCHEDULE_DELAY: '20' });
    emit(tracing, 1);
    await receiver.waitFor(() => receiver.spans().length === 2);
    emit(tracing, 1);
    await receiver.waitFor(() => receiver.spans().length === 4);
  });

  test('over connections that are kept', async () => {
    let connections = 0;
    const { server, url } = await listening((request, response) => request.resume().on('end', () => response.end()));
    server.on('connection', () => connections++);
    const tracing = started({ localUrl: url });
    for (let round = 0; round < 5; round++) {
      emit(tracing, 1);
      await tracing.forceFlush();
    }
    expect(connections).toBe(1);
  });

  test('at the end, and nothing after it', async () => {
    const receiver = await collector();
    const tracing = started({ localUrl: receiver.url });
    emit(tracing, 3);
    await tracing.shutdown(2000);
    expect(receiver.spans()).toHaveLength(6);
    emit(tracing, 1);
    expect(tracing.stats()).toEqual({ queued: 0, exported: 6, dropped: 2, exportFailures: 0 });
  });
});

test('a record greater than a buffer is exported all the same', async () => {
  const receiver = await collector();
  const tracing = started({ localUrl: receiver.url });
  emit(tracing, 1);
  emit(tracing, 1, 1024 * 1024);
  emit(tracing, 1);
  await tracing.forceFlush();
  expect(receiver.spans()).toHaveLength(6);
  expect(tracing.stats()).toEqual({ queued: 0, exported: 6, dropped: 0, exportFailures: 0 });
});

test('an endpoint beside the collector is given each span once, and the collector too', async () => {
  const receiver = await collector();
  const sentry = await startSentryReceiver();
  cleanups.push(() => sentry.close());
  const tracing = started({ localUrl: receiver.url });
  tracing.addEndpoint({ url: `${sentry.url}/api/42/integration/otlp/v1/traces/`, headers: {} });
  emit(tracing, 2);
  await tracing.forceFlush();
  const ids = (spans: readonly { spanId: string }[]) => spans.map((span) => span.spanId).sort();
  expect(ids(sentry.spans())).toEqual(ids(receiver.spans()));
  expect(receiver.spans()).toHaveLength(4);
  expect(tracing.stats()).toMatchObject({ exported: 8, dropped: 0 });
});
