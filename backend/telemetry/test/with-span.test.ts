import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { trace } from '@opentelemetry/api';
import {
  activeRecord,
  maskLiterals,
  runWithRecord,
  sampledByRatio,
  traceDatabase,
  withSpan,
  newTraceId,
  type Tracing,
} from '@clearway/telemetry';
import { SamplingDecision, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace-base';
import { ROOT_CONTEXT } from '@opentelemetry/api';
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from '../../../tests/receivers/index.ts';
import { makeRecord } from './support/records.ts';
import { startTestTracing } from './support/tracing.ts';

let receiver: OtlpReceiver;
let tracing: Tracing;
beforeAll(async () => {
  receiver = await startOtlpReceiver();
  tracing = startTestTracing({ localUrl: receiver.url });
});
afterAll(async () => {
  await tracing.shutdown(2000);
  await receiver.close();
});

async function received(name: string): Promise<ReceivedSpan> {
  await tracing.forceFlush();
  return receiver.waitFor(() => receiver.spans().find((span) => span.name === name));
}

describe('withSpan', () => {
  test('makes its span the parent of what happens within, across awaits', async () => {
    const result = await withSpan('outer', async () => {
      await Promise.resolve();
      return withSpan('inner', () => 7, { size: 2 });
    });
    expect(result).toBe(7);
    const [outer, inner] = [await received('outer'), await received('inner')];
    expect(inner).toMatchObject({ parentSpanId: outer.spanId, traceId: outer.traceId, kind: 'internal' });
    expect(inner.attributes).toEqual({ size: 2 });
  });

  test.each([
    ['throws', 'sync failure', () => withSpan('sync failure', () => fail())],
    ['rejects', 'async failure', () => withSpan('async failure', () => Promise.resolve().then(fail))],
  ])('records an error that its work %s, without its secrets, and passes it on', async (_how, name, run) => {
    await expect(Promise.resolve().then(run)).rejects.toThrow('Bearer abcdefghij');
    const span = await received(name);
    expect(span).toMatchObject({ failed: true, statusMessage: 'no: Bearer [hidden]' });
    expect(span.attributes['error.type']).toBe('TypeError');
    expect(span.events.map((event) => event.name)).toEqual(['exception']);
  });

  test('takes anything that is thrown', async () => {
    const odd = 'odd' as unknown as Error;
    await expect(withSpan('odd failure', () => Promise.reject(odd))).rejects.toBe('odd');
    expect((await received('odd failure')).attributes['error.type']).toBe('string');
  });
});

function fail(): never {
  throw new TypeError('no: Bearer abcdefghij');
}

test('traceDatabase makes a CLIENT span without the data of the statement', async () => {
  await traceDatabase('SELECT', "SELECT * FROM users WHERE email = 'ada@example.com' AND id = $1", () =>
    Promise.resolve([]),
  );
  expect(await received('SELECT')).toMatchObject({
    kind: 'client',
    attributes: {
      'db.system.name': 'postgresql',
      'db.operation.name': 'SELECT',
      'db.query.text': 'SELECT * FROM users WHERE email = ? AND id = $1',
    },
  });
});

describe('runWithRecord', () => {
  test('joins spans made within to the record’s SERVER span, and finds the record', async () => {
    const record = makeRecord();
    await runWithRecord(record, async () => {
      await Promise.resolve();
      expect(activeRecord()).toBe(record);
      withSpan('within request', () => {});
    });
    expect(activeRecord()).toBeUndefined();
    expect(await received('within request')).toMatchObject({
      traceId: record.traceId,
      parentSpanId: record.spanId,
    });
  });

  test('makes no spans within a request that is not sampled, but keeps its ids', () => {
    const record = makeRecord({}, { sampled: false });
    runWithRecord(record, () => {
      withSpan('unsampled', (span) => expect(span.isRecording()).toBe(false));
      expect(trace.getActiveSpan()?.spanContext()).toMatchObject({ traceId: record.traceId, traceFlags: 0 });
    });
  });
});

test('the sampling decision is that of the SDK, so that all processes agree', () => {
  const sampler = new TraceIdRatioBasedSampler(0.3);
  const ids = Array.from({ length: 500 }, newTraceId);
  const ours = ids.filter((id) => sampledByRatio(id, 0.3));
  const theirs = ids.filter(
    (id) => sampler.shouldSample(ROOT_CONTEXT, id).decision === SamplingDecision.RECORD_AND_SAMPLED,
  );
  expect(ours).toEqual(theirs);
  expect([sampledByRatio(newTraceId(), 0), sampledByRatio(newTraceId(), 1)]).toEqual([false, true]);
});

test.each([
  ["SELECT 'it''s', 1.5e3, 0x1F FROM t1", 'SELECT ?, ?, ? FROM t1'],
  ["INSERT INTO a VALUES (E'a\\'b', $1, $tag$ x ' y $tag$, $$z$$)", 'INSERT INTO a VALUES (?, $1, ?, ?)'],
  ['SELECT "we\'ird 1" FROM a -- secret\n WHERE b=2 /* c */', 'SELECT "we\'ird 1" FROM a WHERE b=?'],
  ["SELECT B'101', x'1F', 'never closed", 'SELECT ?, ?, ?'],
])('masks the literals of %s', (statement, masked) => expect(maskLiterals(statement)).toBe(masked));
