import { describe, expect, test } from '@jest/globals';
import {
  createRecorder,
  formatTraceparent,
  newSpanId,
  newTraceId,
  parseTraceparent,
  type RequestRecord,
} from '@clearway/telemetry';
import { makeAttempt, makeRecord } from './support/records.ts';

describe('the recorder', () => {
  test('gives a record to every sink once, whatever one of them throws', () => {
    const received: [string, RequestRecord][] = [];
    const failures: string[] = [];
    const recorder = createRecorder(
      [
        { name: 'broken', accept: () => { throw new Error('no'); } }, // prettier-ignore
        { name: 'whole', accept: (record) => received.push(['whole', record]) },
      ],
      (sink) => failures.push(sink),
    );
    const record = makeRecord();
    recorder.emit(record);
    recorder.emit(record);
    expect(received).toEqual([['whole', record]]);
    expect(failures).toEqual(['broken']);
  });
});

describe('the record', () => {
  test('keeps the first cause of a failure', () => {
    const record = makeRecord();
    record.fail('headers_timeout', 'late');
    record.fail('client_abort');
    expect([record.reason, record.cause]).toEqual(['headers_timeout', 'late']);
  });

  test('takes no failure after its end', () => {
    const record = makeRecord();
    record.end();
    record.fail('internal');
    expect(record).toMatchObject({ reason: undefined, ended: true });
  });

  test('splits its time between the upstreams and the gateway', () => {
    const record = makeRecord();
    record.attempts.push(makeAttempt({ startMs: 0, endMs: 4 }), makeAttempt({ startMs: 4, endMs: undefined }));
    record.durationMs = 10;
    expect([record.upstreamMs(), record.gatewayMs()]).toEqual([10, 0]);
  });
});

describe('trace context', () => {
  const header = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

  test('is read and written', () => {
    const parent = parseTraceparent(header);
    expect(parent).toEqual({
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      spanId: '00f067aa0ba902b7',
      sampled: true,
    });
    expect(parent && formatTraceparent(parent)).toBe(header);
  });

  test.each([
    [undefined],
    ['nonsense'],
    [header.replace(/^00/, 'ff')],
    [`${header}-more`],
    [header.replace('4bf92f3577b34da6a3ce929d0e0e4736', '0'.repeat(32))],
    [header.replace('00f067aa0ba902b7', '0'.repeat(16))],
    [header.toUpperCase()],
  ])('%s restarts the trace', (text) => expect(parseTraceparent(text)).toBeUndefined());

  test('of a later version may have more parts', () =>
    expect(parseTraceparent(`${header.replace(/^00/, '01')}-more`)?.sampled).toBe(true));

  test('ids are lower-case hex and do not repeat', () => {
    const ids = Array.from({ length: 2000 }, () => newTraceId() + newSpanId());
    expect(new Set(ids).size).toBe(2000);
    expect(ids.every((id) => /^[0-9a-f]{48}$/.test(id))).toBe(true);
  });
});
