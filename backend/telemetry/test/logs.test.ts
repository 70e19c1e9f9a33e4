import { PassThrough, Writable } from 'node:stream';
import { afterEach, describe, expect, test } from '@jest/globals';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { accessLog, createLogger, runWithRecord, withSpan, type LoggerOptions, type Logs } from '@clearway/telemetry';
import { startOtlpReceiver } from '../../../tests/receivers/index.ts';
import { makeAttempt, makeRecord, makeRefused } from './support/records.ts';
import { setVariables, startTestTracing } from './support/tracing.ts';
import { readAll } from './support/read-all.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function makeLogs(options: Partial<LoggerOptions> = {}) {
  const stream = new PassThrough();
  const logs = createLogger({ service: 'g', stream, ...options });
  const text = async (): Promise<string> => {
    await logs.close(1000);
    return readAll(stream);
  };
  const lines = async (): Promise<Record<string, unknown>[]> =>
    (await text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { logs, logger: logs.logger, text, lines };
}

describe('a line', () => {
  test('is JSON with time, level, message and service first', async () => {
    const { logger, text } = makeLogs();
    logger.info('migrated', { duration_ms: 12 });
    expect(await text()).toMatch(
      /^\{"timestamp":"\d{4}-\d\d-\d\dT[\d:.]+Z","level":"info","message":"migrated","service":"g","duration_ms":12\}\n$/,
    );
  });

  test('inside a request has the ids of the request, after awaits too', async () => {
    const tracing = startTestTracing({ enabled: false });
    cleanups.push(() => tracing.shutdown(50));
    const record = makeRecord();
    const { logger, lines } = makeLogs();
    await runWithRecord(record, async () => {
      await Promise.resolve();
      logger.info('inside');
    });
    logger.info('outside');
    const [inside, outside] = await lines();
    expect(inside).toMatchObject({
      trace_id: record.traceId,
      span_id: record.spanId,
      request_id: record.requestId,
      route: 'tracks',
    });
    expect(outside).not.toHaveProperty('trace_id');
  });

  test('inside a span of the request has that span’s id', async () => {
    const tracing = startTestTracing();
    cleanups.push(() => tracing.shutdown(50));
    const { logger, lines } = makeLogs();
    // not sampled: nothing is to be exported here
    const spanId = runWithRecord(makeRecord({}, { sampled: false }), () =>
      withSpan('inner', (span) => {
        logger.info('inside');
        return span.spanContext().spanId;
      }),
    );
    expect((await lines())[0]?.span_id).toBe(spanId);
  });

  test('cannot be broken, and cannot pretend to be another one', async () => {
    const { logger, text } = makeLogs();
    logger.info('first\n{"level":"error"}', { path: '/a\r\n\u001b[2Kb\u2028' });
    expect((await text()).trim().split('\n')).toHaveLength(1);
  });

  test('hides secrets, by name and by look', async () => {
    const { logger, lines } = makeLogs();
    logger.warn('failed with Bearer abcdefgh', { password: 'hunter2', nested: { apiKey: 'k' }, url: 'redis://:pw@h' });
    expect((await lines())[0]).toMatchObject({
      message: 'failed with Bearer [hidden]',
      password: '[hidden]',
      nested: { apiKey: '[hidden]' },
      url: 'redis://[hidden]@h',
    });
  });

  test('keeps its own fields when a caller’s have the same names', async () => {
    const { logger, lines } = makeLogs();
    logger.info('x', { service: 'other', timestamp: 'never' });
    expect((await lines())[0]).toMatchObject({ service: 'g', field_service: 'other', field_timestamp: 'never' });
  });

  test('takes an error as its message, and anything else', async () => {
    const { logger, lines } = makeLogs();
    logger.error(new RangeError('too far'));
    logger.error('wrapped', { error: new RangeError('too far') });
    logger.info({ a: 1 } as unknown as string);
    logger.info('odd', { big: 10n, self: cyclic() });
    const [first, second, third, fourth] = await lines();
    expect(first).toMatchObject({
      message: 'too far',
      error: expect.stringContaining('RangeError: too far') as unknown,
    });
    expect(second).toMatchObject({ message: 'wrapped', error: expect.stringContaining('RangeError') as unknown });
    expect(third?.level).toBe('info');
    expect(fourth).toMatchObject({ message: 'odd', big: '10' });
  });

  test('is dropped before it costs when its level is off, until the level is changed', async () => {
    const { logs, logger, lines } = makeLogs();
    const field = { toJSON: () => { throw new Error('was rendered'); } }; // prettier-ignore
    logger.debug('before', { field });
    logs.setLevel('debug');
    logger.debug('after');
    expect(logs.level).toBe('debug');
    expect((await lines()).map((line) => line.message)).toEqual(['after']);
  });
});

function cyclic(): unknown {
  const value: Record<string, unknown> = {};
  value.self = value;
  return value;
}

describe('on a terminal', () => {
  test('a line is pretty, with its level in colour, and nothing in it moves the cursor', async () => {
    const stream = Object.assign(new PassThrough(), { isTTY: true });
    const logs = createLogger({ service: 'g', stream });
    logs.logger.error('bad\nthing\u001b[2K', { count: 3, note: 'two words', nothing: undefined, plain: 'x\u0007y' });
    await logs.close(1000);
    const text = readAll(stream);
    expect(text.slice(12)).toBe(
      ' \u001b[31merror\u001b[0m bad\\nthing\\u001b[2K count=3 note="two words" plain=x\\u0007y\n',
    );
  });

  test('JSON is written when it is asked for, and pretty elsewhere when that is', async () => {
    const { logger, text } = makeLogs({ pretty: true });
    logger.info('hello');
    expect((await text()).slice(13)).toBe('info  hello\n');
  });
});

describe('when the output stalls', () => {
  /** Takes nothing until it is released. */
  class Stalled extends Writable {
    received = '';
    release: () => void = () => {};
    constructor() {
      super({ highWaterMark: 1 });
    }
    override _write(chunk: Buffer, _encoding: string, done: () => void): void {
      this.received += chunk.toString();
      this.release = done;
    }
  }

  async function stall(): Promise<{ stream: Stalled; logs: Logs }> {
    const stream = new Stalled();
    const logs = createLogger({ service: 'g', stream, maxBytes: 1000 });
    logs.logger.info('first');
    await new Promise((resolve) => setImmediate(resolve));
    return { stream, logs };
  }

  test('nobody waits, the queue stays within its bound, and what is dropped is counted and told', async () => {
    const { stream, logs } = await stall();
    for (let line = 0; line < 100; line++) logs.logger.info(`line ${line}`);
    const { queued, dropped } = logs.stats();
    expect(queued).toBeGreaterThan(5);
    expect(queued).toBeLessThan(15);
    expect(queued + dropped).toBe(100);
    const closed = logs.close(20_000);
    const released = setInterval(() => stream.release(), 1);
    await closed;
    clearInterval(released);
    const lines = stream.received.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>); // prettier-ignore
    expect(lines).toHaveLength(1 + queued + 1);
    expect(lines.at(-1)).toMatchObject({ level: 'warn', service: 'g', dropped });
  });

  test('lines wait within the bound, and not without one in the stream', async () => {
    const { stream, logs } = await stall();
    for (let turn = 0; turn < 10; turn++) {
      for (let line = 0; line < 20; line++) logs.logger.info(`line ${line}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(stream.writableLength).toBeLessThan(200);
    expect(logs.stats().queued).toBeLessThan(15);
    const released = setInterval(() => stream.release(), 1);
    await logs.close(20_000);
    clearInterval(released);
  });

  test('goes on by itself when the output does', async () => {
    const { stream, logs } = await stall();
    logs.logger.info('second');
    stream.release();
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(stream.received).toContain('second');
  });

  test('closing waits no longer than its limit', async () => {
    const { logs } = await stall();
    logs.logger.info('never written');
    await logs.close(50);
    expect(logs.stats().queued).toBe(1);
  });

  test('a reader that went away ends nothing', async () => {
    const stream = new PassThrough();
    const logs = createLogger({ service: 'g', stream });
    logs.logger.info('one');
    stream.destroy(new Error('write EPIPE'));
    await new Promise((resolve) => setImmediate(resolve));
    logs.logger.info('two');
    await logs.close(1000);
    expect(logs.stats().dropped).toBeGreaterThan(0);
  });
});

describe('the access line', () => {
  test('has the fields of the design, and no query', async () => {
    const record = makeRecord({}, { bytesIn: 3, bytesOut: 5, answeredMs: 4 });
    record.attempts.push(makeAttempt());
    record.end();
    const { logs, lines } = makeLogs();
    accessLog(logs)(record);
    const [line] = await lines();
    expect(line).toEqual({
      timestamp: expect.any(String) as unknown,
      level: 'info',
      message: 'request',
      service: 'g',
      trace_id: record.traceId,
      span_id: record.spanId,
      request_id: 'request-1',
      route: 'tracks',
      method: 'GET',
      status: 200,
      duration_ms: expect.any(Number) as unknown,
      upstream_ms: 4,
      attempts: 1,
      bytes_in: 3,
      bytes_out: 5,
      client_ip: '192.0.2.1',
      path: '/v1/tracks/7',
      upstream: 'tracks',
    });
  });

  test('of a fault is an error that names class, cause and phase', async () => {
    const { logs, lines } = makeLogs();
    accessLog(logs)(makeRefused());
    expect((await lines())[0]).toMatchObject({
      level: 'error',
      reason: 'connect_refused',
      cause: 'connect ECONNREFUSED 127.0.0.1:4000',
      phase: 'connect',
    });
  });

  test('of what the client did is a warning', async () => {
    const { logs, lines } = makeLogs();
    const notFound = makeRecord({}, { route: '_none', status: 404 });
    notFound.fail('route_not_found');
    const limited = makeRecord({}, { status: 429 });
    limited.fail('rate_limited');
    for (const record of [notFound, limited]) accessLog(logs)(record);
    expect((await lines()).map(({ level, phase }) => [level, phase])).toEqual([
      ['warn', 'routing'],
      ['warn', 'policies'],
    ]);
  });

  test.each<[string, { answeredMs?: number }, Parameters<typeof makeAttempt>[0]]>([
    ['connect', { answeredMs: 3 }, { sentMs: undefined, headersMs: undefined }],
    ['request_body', {}, { headersMs: undefined, isUploading: true }],
    ['upstream_headers', {}, { headersMs: undefined }],
    ['upstream_headers', { answeredMs: 3 }, { headersMs: undefined }],
    ['upstream_body', {}, { reason: 'body_timeout' }],
    ['answer', { answeredMs: 3 }, {}],
    ['answer', { answeredMs: 3 }, { status: 500, reason: 'upstream_5xx' }],
  ])('tells that the request came as far as %s', async (phase, fields, attempt) => {
    const record = makeRecord({}, fields);
    record.attempts.push(makeAttempt(attempt));
    record.fail('total_timeout');
    const { logs, lines } = makeLogs();
    accessLog(logs)(record);
    expect((await lines())[0]?.phase).toBe(phase);
  });

  test('is not made when its level is off', async () => {
    const { logs, text } = makeLogs({ level: 'warn' });
    accessLog(logs)(makeRecord());
    expect(await text()).toBe('');
  });
});

describe('by OTLP', () => {
  const resource = resourceFromAttributes({ 'service.name': 'g' });

  test('application lines are sent with the ids of their trace, access lines are not', async () => {
    const receiver = await startOtlpReceiver();
    const tracing = startTestTracing({ localUrl: receiver.url });
    cleanups.push(
      () => receiver.close(),
      () => tracing.shutdown(500),
    );
    const { logs, logger } = makeLogs({ otlp: { url: `${receiver.url}/v1/logs`, resource } });
    const record = makeRecord();
    runWithRecord(record, () => logger.warn('slow query', { query: 'tracks.list', duration_ms: 120 }));
    accessLog(logs)(record);
    await logs.close(20_000);
    expect(receiver.logs()).toEqual([
      {
        service: 'g',
        severity: 'warn',
        body: 'slow query',
        attributes: { query: 'tracks.list', duration_ms: 120, request_id: 'request-1', route: 'tracks' },
        traceId: record.traceId,
        spanId: record.spanId,
      },
    ]);
    expect(logs.stats()).toEqual({ queued: 0, exported: 3, dropped: 0, exportFailures: 0 });
  });

  test('a receiver that hangs costs nothing but the records, which are bounded and counted', async () => {
    const receiver = await startOtlpReceiver();
    receiver.setMode('hang');
    cleanups.push(() => receiver.close(), setVariables({ OTEL_EXPORTER_OTLP_TIMEOUT: '20' }));
    const { logs, logger } = makeLogs({ otlp: { url: `${receiver.url}/v1/logs`, resource } });
    for (let line = 0; line < 5000; line++) logger.info('x');
    expect(logs.stats().dropped).toBe(5000 - 4096);
    await logs.close(50);
  });
});
