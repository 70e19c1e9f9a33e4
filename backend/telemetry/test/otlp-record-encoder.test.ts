import { describe, expect, test } from '@jest/globals';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { recordSpans, type RequestRecord } from '@clearway/telemetry';
import { OtlpRecordEncoder } from '../src/tracing/otlp-record-encoder.ts';
import { ProtobufBuffer } from '../src/tracing/protobuf-buffer.ts';
import { decodeRequest } from './support/otlp-request.ts';
import { makeAttempt, makeRecord } from './support/records.ts';

const MEBIBYTE = 1024 * 1024;
const resource = resourceFromAttributes({ 'service.name': 'gäteway', 'service.version': '1.2.3', size: 3, live: true });

/** What OpenTelemetry's own serializer makes of the same records. */
function reference(records: readonly RequestRecord[]): unknown {
  const spans: ReadableSpan[] = [];
  for (const record of records) recordSpans({ resource, exportSpan: (span) => spans.push(span) })(record);
  return decodeRequest(ProtobufTraceSerializer.serializeRequest(spans) ?? new Uint8Array());
}

function encoded(records: readonly RequestRecord[], encoder = new OtlpRecordEncoder(resource)): unknown {
  encoder.begin(Buffer.alloc(MEBIBYTE, 0xee));
  for (const record of records) if (encoder.encode(record) === 0) throw new Error('does not fit');
  return decodeRequest(encoder.finish());
}

/** A generator of numbers that comes out the same in every run: mulberry32. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const TEXTS = [
  ...['', 'a', 'plain', 'Bücher/größe', '日本語のパス', '🎵🎶 music', 'lone \ud800 surrogate', 'end \ud83d'],
  ...[48, 49, 80, 90, 96, 97, 100, 110, 127, 128, 300].map((length) => 'ab/'.repeat(length).slice(0, length)),
  ...[30, 31, 40, 48, 60].map((length) => 'é'.repeat(length)),
  'x '.repeat(9000),
];
const HOSTS = ['api.example.com:8000', 'example.com', '[::1]:8000', '[2001:db8::1]', '', 'bad:port', 'ho st'];
const QUERIES = ['', 'token=abc&page=2', 'eyJhbGciOi&a=1', '&&', 'ü=ö&x', `${'q=1&'.repeat(600)}`];
const METHODS = ['GET', 'POST', 'DELETE', 'PATCH', 'BREW', 'M-SEARCH'];
const STATUSES = [0, 200, 204, 302, 404, 429, 500, 502, 503];
const CAUSES = [undefined, '', 'connect ECONNREFUSED', 'at postgres://app:hunter2@db/app', 'é'.repeat(20_000)];
const REASONS = [undefined, undefined, 'connect_refused', 'route_not_found', 'internal', 'headers_timeout'] as const;
const TARGETS = ['http://127.0.0.1:4000', 'https://b.example.com', 'http://[::1]:81', 'https://ü.example:444'];
const STATES = [undefined, undefined, 'vendor=1', 'a=1, b=2,c=3', 'not valid!!', ''];

function generated(seed: number): RequestRecord {
  const next = random(seed);
  const pick = <T>(values: readonly T[]): T => values[Math.floor(next() * values.length)] as T;
  const record = makeRecord(
    {
      parentSpanId: next() < 0.5 ? undefined : '00f067aa0ba902b7',
      traceState: pick(STATES),
      requestId: pick(TEXTS),
      method: pick(METHODS),
      scheme: pick(['http', 'https']),
      httpVersion: pick(['1.0', '1.1']),
      host: pick(HOSTS),
      clientAddress: pick(['192.0.2.1', '2001:db8::1', '']),
      userAgent: pick([undefined, ...TEXTS]),
    },
    {
      sampled: next() < 0.7,
      path: `/${pick(TEXTS)}`,
      query: pick(QUERIES),
      route: pick(['tracks', '_none', 'größe']),
      routePattern: pick([undefined, '/v1/tracks/*', '/ü']),
      routeChoice: pick([undefined, 'path /v1/tracks/*', 'host ü']),
      upstream: pick([undefined, 'tracks', 'other']),
      slowAfterMs: pick([Infinity, 0]),
      kind: pick(['exchange', 'exchange', 'stream', 'upgrade']),
      status: pick(STATUSES),
      bytesIn: pick([0, 1, 127, 128, 70_000, 2 ** 31, 2 ** 40 + 3]),
      bytesOut: pick([0, 113, 16_384, 2 ** 32 - 1, Number.MAX_SAFE_INTEGER]),
      answeredMs: pick([undefined, 0.25, 12.5]),
      startedAtMs: pick([1_763_800_000_000, 1_763_800_000_999.9998, Date.now() + next()]),
    },
  );
  const reason = pick(REASONS);
  if (reason !== undefined) record.fail(reason, pick(CAUSES));
  for (let resendCount = Math.floor(next() * 4); resendCount > 0; resendCount--) {
    record.attempts.push(
      makeAttempt({
        resendCount: resendCount - 1,
        target: pick(TARGETS),
        startMs: next() * 3,
        sentMs: pick([undefined, 2.5]),
        headersMs: pick([undefined, 4]),
        endMs: pick([undefined, 5.123_456_7]),
        status: pick([undefined, 200, 404, 503]),
        reason: pick(REASONS),
        cause: pick(CAUSES),
      }),
    );
  }
  for (const durationMs of [0.499, 0.5, 3].slice(Math.floor(next() * 4))) {
    const outcome = pick(['passed', 'refused', 'failed'] as const);
    record.policies.push({ name: pick(['rateLimit', 'größe']), startMs: next(), durationMs, outcome });
  }
  record.end();
  return record;
}

describe('the encoder says what the reference and OpenTelemetry’s serializer say', () => {
  test('of 600 records of all kinds, one by one, with one encoder', () => {
    const encoder = new OtlpRecordEncoder(resource);
    const kept = Array.from({ length: 600 }, (_, seed) => generated(seed)).filter((record) => record.isKept());
    expect(kept.length).toBeGreaterThan(400);
    for (const record of kept) expect(encoded([record], encoder)).toEqual(reference([record]));
  });

  test('of many records in one request', () => {
    const records = Array.from({ length: 40 }, (_, seed) => generated(seed + 1000)).filter((record) => record.isKept());
    expect(encoded(records)).toEqual(reference(records));
  });

  test('of more routes, hosts and targets than it remembers', () => {
    const encoder = new OtlpRecordEncoder(resource);
    for (let count = 0; count < 2200; count++) {
      const name = `n${count % 1100}`;
      const record = makeRecord({ host: name, userAgent: undefined }, { route: name, routeChoice: String(count % 40) });
      record.attempts.push(makeAttempt({ target: `http://${name}` }));
      if (count % 200 === 0) expect(encoded([record], encoder)).toEqual(reference([record]));
      else encoder.encode(record);
    }
  });
});

test('leaves out a whole record that does not fit, and what was written before stays as it was', () => {
  const fits = makeRecord();
  const encoder = new OtlpRecordEncoder(resource);
  encoder.begin(Buffer.alloc(8192));
  expect(encoder.encode(fits)).toBe(1);
  const long = makeRecord({}, { path: `/${'x'.repeat(5000)}` });
  expect(encoder.encode(long)).toBe(0);
  const many = makeRecord();
  for (let count = 0; count < 100; count++) many.attempts.push(makeAttempt());
  expect(encoder.encode(many)).toBe(0);
  expect(decodeRequest(encoder.finish())).toEqual(reference([fits]));
});

test('never writes outside of its buffer, however full', () => {
  const encoder = new OtlpRecordEncoder(resource);
  for (let size = 4400; size < 6000; size += 7) {
    const area = Buffer.alloc(size + 64, 0xaa);
    encoder.begin(area.subarray(0, size));
    for (let seed = 0; seed < 20; seed++) encoder.encode(generated(seed));
    encoder.finish();
    expect(area.subarray(size).every((byte) => byte === 0xaa)).toBe(true);
  }
});

test('writes times to the nanosecond, as integers of 64 bits would have it', () => {
  const out = new ProtobufBuffer(Buffer.alloc(64), 0);
  const next = random(7);
  const special = [0, 0.000_001, 1, 999.999_999_9, 1000, 4_294_967.295, 4_294_967.296, 4_294_967.297, 4.1e12];
  const times = [...special, ...Array.from({ length: 5000 }, () => next() * 10 ** (next() * 12.6))];
  for (const ms of times) {
    out.position = 0;
    out.time(ms);
    const seconds = Math.trunc(ms / 1000);
    const expected = BigInt(seconds) * 1_000_000_000n + BigInt(Math.round((ms - seconds * 1000) * 1e6));
    expect([ms, out.bytes.readBigUInt64LE(0)]).toEqual([ms, expected]);
  }
});
