import { describe, expect, test } from '@jest/globals';
import { logsDataSchema, tracesDataSchema, type KeyValue } from '@clearway/contracts';
import { SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { DecodeError, DeliveryTooLargeError } from '../src/traces/otlp/bounds.ts';
import { decodeJsonLogs, decodeJsonSpans } from '../src/traces/otlp/decode-json.ts';
import { decodeLogs, decodeSpans } from '../src/traces/otlp/decode-protobuf.ts';
import { field, message, seededRandom, varint } from './support/protobuf.ts';
import { newSpanId, newTraceId } from './support/spans.ts';

const DECODERS = { decodeSpans, decodeLogs, decodeJsonSpans, decodeJsonLogs };

/** Spans of the real SDK with everything that a span can have. */
function sdkSpans() {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'tracks', 'process.pid': 7 }),
    spanProcessors: [new SimpleSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer('lib', '1.2.3');
  const attributes = { text: 'ü', int: -5, double: 1.5, flag: true, list: ['a', 'b'], ints: [1, 2] };
  const linked = { traceId: newTraceId(), spanId: newSpanId(), traceFlags: TraceFlags.SAMPLED };
  const span = tracer.startSpan('GET /x', { kind: SpanKind.SERVER, attributes, links: [{ context: linked }] });
  span.addEvent('sent', { bytes: 10 });
  span.setStatus({ code: SpanStatusCode.ERROR, message: 'broken' });
  span.end();
  tracer.startSpan('plain').end();
  return exporter.getFinishedSpans();
}

describe('spans of the real SDK', () => {
  test('are the same from protobuf and from JSON, and what the contract says', () => {
    const spans = sdkSpans();
    const protobuf = decodeSpans(Buffer.from(ProtobufTraceSerializer.serializeRequest(spans) ?? []));
    const json = decodeJsonSpans(Buffer.from(JsonTraceSerializer.serializeRequest(spans) ?? []));
    const { resourceSpans } = protobuf;
    expect(tracesDataSchema.parse({ resourceSpans })).toEqual({ resourceSpans });
    const values = (of: typeof json) => JSON.parse(JSON.stringify(of.resourceSpans)) as unknown;
    expect(values(protobuf)).toEqual(values(json));
    const decoded = resourceSpans[0]?.scopeSpans[0]?.spans ?? [];
    expect(decoded.map(({ traceId, spanId, name }) => ({ traceId, spanId, name }))).toEqual(
      spans.map((span) => ({ ...pick(span.spanContext()), name: span.name })),
    );
    expect(decoded[0]).toMatchObject({ kind: 2, status: { code: 2, message: 'broken' }, events: [{ name: 'sent' }] });
    const byKey = Object.fromEntries((decoded[0]?.attributes ?? []).map(({ key, value }: KeyValue) => [key, value]));
    expect(byKey).toEqual({
      text: { stringValue: 'ü' },
      int: { intValue: '-5' },
      double: { doubleValue: 1.5 },
      flag: { boolValue: true },
      list: { arrayValue: { values: [{ stringValue: 'a' }, { stringValue: 'b' }] } },
      ints: { arrayValue: { values: [{ intValue: '1' }, { intValue: '2' }] } },
    });
  });
});

const pick = ({ traceId, spanId }: { traceId: string; spanId: string }) => ({ traceId, spanId });

describe('protobuf', () => {
  const ids = [field(1, Buffer.from(newTraceId(), 'hex')), field(2, Buffer.from(newSpanId(), 'hex'))];
  const spansOf = (...fields: Buffer[]) => message(field(1, message(field(2, message(field(2, message(...fields)))))));
  const only = (bytes: Buffer) => decodeSpans(bytes).resourceSpans[0]?.scopeSpans[0]?.spans[0];

  test('passes over fields that are not known, of every wire type', () => {
    const unknown = [varint(100 * 8), varint(7), varint(101 * 8 + 1), Buffer.alloc(8)];
    const more = [field(102, Buffer.from('x')), varint(103 * 8 + 5), Buffer.alloc(4)];
    expect(only(spansOf(...ids, ...unknown, field(5, Buffer.from('name')), ...more))?.name).toBe('name');
  });

  test('drops spans without valid ids and counts them, and keeps the others', () => {
    const bytes = Buffer.concat([
      spansOf(...ids),
      spansOf(ids[0] as Buffer),
      spansOf(field(1, Buffer.alloc(16)), ids[1] as Buffer),
    ]);
    const { invalid, resourceSpans } = decodeSpans(bytes);
    expect(invalid).toBe(2);
    expect(resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))).toHaveLength(1);
  });

  test('takes away what is no id of a parent or of a link', () => {
    const link = message(field(1, Buffer.alloc(3)));
    const span = only(spansOf(...ids, field(4, Buffer.alloc(8)), field(13, link), varint(6 * 8), varint(77)));
    expect(span).toMatchObject({ kind: 0, links: [] });
    expect(span).not.toHaveProperty('parentSpanId');
  });

  test('writes numbers that JSON does not have as protobuf does', () => {
    const double = (value: number) => {
      const bytes = Buffer.alloc(9);
      bytes[0] = 4 * 8 + 1;
      bytes.writeDoubleLE(value, 1);
      return field(9, message(field(1, Buffer.from('x')), field(2, bytes)));
    };
    const values = only(spansOf(...ids, double(NaN), double(-Infinity), double(0.5)))?.attributes;
    expect(values?.map(({ value }) => value.doubleValue)).toEqual(['NaN', '-Infinity', 0.5]);
  });

  test.each<[string, Buffer]>([
    ['a message that ends within a field', spansOf(...ids).subarray(0, 20)],
    ['a length beyond the end', Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f])],
    ['a length that never ends', Buffer.alloc(20, 0xff)],
    ['a group', Buffer.from([0x0b])],
    ['field 0', Buffer.from([0x02, 0x00])],
    ['a number of more than 10 bytes', spansOf(varint(6 * 8), Buffer.alloc(11, 0xff))],
    ['a text where a number belongs', spansOf(field(6, Buffer.from('x')))],
    ['a number where a text belongs', spansOf(varint(5 * 8), varint(1))],
    ['a fixed field that is cut off', spansOf(varint(7 * 8 + 1), Buffer.alloc(3))],
  ])('refuses %s', (_what, bytes) => {
    expect(() => decodeSpans(bytes)).toThrow(DecodeError);
  });

  test('refuses values that nest too deep, before the stack is exhausted', () => {
    // an array in an array in an array: `field(5, field(1, …))`, put together once instead of copied at every depth
    const parts = [field(1, Buffer.from('x'))];
    for (let depth = 0, length = 3; depth < 10_000; depth++) {
      for (const number of [1, 5]) {
        const head = Buffer.concat([varint(number * 8 + 2), varint(length)]);
        parts.push(head);
        length += head.length;
      }
    }
    const value = message(...parts.reverse());
    expect(() => decodeSpans(spansOf(...ids, field(9, message(field(2, value)))))).toThrow(/nest deeper/);
  });

  test('refuses a delivery of countless empty messages, before the memory is exhausted', () => {
    const empty = Buffer.alloc(800_000, field(1, Buffer.alloc(0)));
    expect(() => decodeSpans(empty)).toThrow(DeliveryTooLargeError);
    expect(() => decodeLogs(empty)).toThrow(DeliveryTooLargeError);
  });

  test('reads log records, and counts those that belong to no trace', () => {
    const traceId = newTraceId();
    const record = message(
      Buffer.from([1 * 8 + 1, 1, 0, 0, 0, 0, 0, 0, 0]),
      varint(2 * 8),
      varint(17),
      field(3, Buffer.from('ERROR')),
      field(5, message(field(1, Buffer.from('it broke')))),
      field(6, message(field(1, Buffer.from('k')), field(2, message(varint(3 * 8), varint(1))))),
      field(9, Buffer.from(traceId, 'hex')),
      field(10, Buffer.from(newSpanId(), 'hex')),
    );
    const logs = (...records: Buffer[]) =>
      message(field(1, message(field(2, message(...records.map((each) => field(2, each)))))));
    const { resourceLogs, withoutTrace } = decodeLogs(logs(record, message()));
    expect(withoutTrace).toBe(1);
    expect(logsDataSchema.parse({ resourceLogs })).toEqual({ resourceLogs });
    expect(resourceLogs[0]?.scopeLogs[0]?.logRecords).toMatchObject([
      { traceId, timeUnixNano: '1', severityNumber: 17, severityText: 'ERROR', body: { stringValue: 'it broke' } },
    ]);
  });
});

describe('JSON', () => {
  const decode = (body: unknown) => decodeJsonSpans(Buffer.from(JSON.stringify(body)));
  const around = (span: object) => ({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
  const ids = { traceId: newTraceId(), spanId: newSpanId() };

  test('takes ids in upper case, numbers as text or number, and leaves out what is null', () => {
    const { resourceSpans } = decode(
      around({
        traceId: ids.traceId.toUpperCase(),
        spanId: ids.spanId.toUpperCase(),
        parentSpanId: '',
        startTimeUnixNano: 1000,
        endTimeUnixNano: '2000',
        status: null,
        attributes: [
          { key: 'a', value: { intValue: 5 } },
          { key: 'b', value: { bytesValue: 'AQI' } },
          { key: 'c', value: {} },
          { key: 'd' },
          { key: 'e', value: { kvlistValue: { values: [{ key: 'f', value: { doubleValue: 'NaN' } }] } } },
        ],
      }),
    );
    expect(tracesDataSchema.parse({ resourceSpans })).toEqual({ resourceSpans });
    expect(resourceSpans[0]?.scopeSpans[0]?.spans[0]).toMatchObject({
      ...ids,
      startTimeUnixNano: '1000',
      endTimeUnixNano: '2000',
    });
  });

  test('reads log records', () => {
    const records = [
      { traceId: ids.traceId, body: { stringValue: 'line' }, severityNumber: 9, observedTimeUnixNano: '5' },
      {},
    ];
    const body = { resourceLogs: [{ scopeLogs: [{ scope: { name: 's', version: '1' }, logRecords: records }] }] };
    const { resourceLogs, withoutTrace } = decodeJsonLogs(Buffer.from(JSON.stringify(body)));
    expect(withoutTrace).toBe(1);
    expect(logsDataSchema.parse({ resourceLogs })).toEqual({ resourceLogs });
    expect(resourceLogs[0]?.scopeLogs[0]?.logRecords[0]).toMatchObject({
      timeUnixNano: '5',
      body: { stringValue: 'line' },
    });
  });

  test.each<[string, string]>([
    ['what is no JSON', '{'],
    ['a list', '[]'],
    ['null', 'null'],
    ['spans that are no list', '{"resourceSpans":{}}'],
    ['a span that is no object', '{"resourceSpans":[{"scopeSpans":[{"spans":[1]}]}]}'],
    ['a name that is no text', JSON.stringify(around({ ...ids, name: 1 }))],
    ['a time before 1970', JSON.stringify(around({ ...ids, startTimeUnixNano: -1 }))],
    ['a kind that is no number', JSON.stringify(around({ ...ids, kind: 'x' }))],
    ['an integer that is none', JSON.stringify(around({ ...ids, attributes: [{ value: { intValue: '1.5' } }] }))],
    ['a flag that is none', JSON.stringify(around({ ...ids, attributes: [{ value: { boolValue: 1 } }] }))],
    ['a double that is none', JSON.stringify(around({ ...ids, attributes: [{ value: { doubleValue: 'x' } }] }))],
  ])('refuses %s', (_what, text) => {
    expect(() => decodeJsonSpans(Buffer.from(text))).toThrow(DecodeError);
  });

  test('refuses values that nest too deep', () => {
    const deep = `${'{"arrayValue":{"values":['.repeat(2000)}${']}}'.repeat(2000)}`;
    const text = JSON.stringify(around({ ...ids, attributes: [{ key: 'x', value: 'DEEP' }] })).replace('"DEEP"', deep);
    expect(() => decodeJsonSpans(Buffer.from(text))).toThrow(/nest deeper/);
  });
});

describe('whatever is sent', () => {
  /** Decodes; what is thrown must be one of the two refusals. */
  function survives(decode: (bytes: Buffer) => unknown, bytes: Buffer): void {
    try {
      decode(bytes);
    } catch (error) {
      if (!(error instanceof DecodeError) && !(error instanceof DeliveryTooLargeError)) throw error;
    }
  }

  test.each(Object.entries(DECODERS))('%s either reads it or refuses it: random bytes', (_name, decode) => {
    const random = seededRandom(1);
    for (let i = 0; i < 5000; i++) survives(decode, Buffer.from(Array.from({ length: random(80) }, () => random(256))));
  });

  test.each(Object.entries(DECODERS))(
    '%s either reads it or refuses it: every truncation, and flipped bytes',
    (_name, decode) => {
      const random = seededRandom(2);
      for (const serializer of [ProtobufTraceSerializer, JsonTraceSerializer]) {
        const whole = Buffer.from(serializer.serializeRequest(sdkSpans()) ?? []);
        for (let end = 0; end < whole.length; end++) survives(decode, whole.subarray(0, end));
        for (let i = 0; i < 1500; i++) {
          const bytes = Buffer.from(whole);
          for (let flips = 1 + random(4); flips > 0; flips--) bytes[random(bytes.length)] = random(256);
          survives(decode, bytes);
        }
      }
    },
  );

  test('what was read out of flipped bytes is what the contract says', () => {
    const random = seededRandom(3);
    const whole = Buffer.from(ProtobufTraceSerializer.serializeRequest(sdkSpans()) ?? []);
    let read = 0;
    for (let i = 0; i < 3000; i++) {
      const bytes = Buffer.from(whole);
      bytes[random(bytes.length)] = random(256);
      try {
        const { resourceSpans } = decodeSpans(bytes);
        read++;
        expect(tracesDataSchema.safeParse({ resourceSpans }).error).toBeUndefined();
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
      }
    }
    expect(read).toBeGreaterThan(500);
  });
});
