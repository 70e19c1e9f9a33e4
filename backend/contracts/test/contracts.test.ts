import { describe, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { recentRecordSchema, tracesDataSchema, traceQuerySchema } from '../src/index.ts';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';

test('the sources use nothing of Node', () => {
  const sources = readdirSync(new URL('../src', import.meta.url), { recursive: true, encoding: 'utf8' });
  for (const file of sources.filter((name) => name.endsWith('.ts'))) {
    const text = readFileSync(new URL(`../src/${file}`, import.meta.url), 'utf8');
    expect(text).not.toMatch(/from 'node:|\bprocess\.\w|\bBuffer\b/);
  }
});

describe('traceQuerySchema', () => {
  test('reads numbers from text and fills the page size', () => {
    expect(traceQuerySchema.parse({ minDurationMs: '12.5' })).toEqual({ minDurationMs: 12.5, limit: 50 });
  });

  test.each([
    ['limit', '0'],
    ['limit', '501'],
    ['limit', '1.5'],
    ['minDurationMs', ''],
    ['minDurationMs', '-1'],
    ['minDurationMs', '0x10'],
    ['since', 'yesterday'],
    ['cursor', '../..'],
    ['route', ''],
    ['colour', 'red'],
  ])('refuses %s=%s', (name, text) => {
    expect(traceQuerySchema.safeParse({ [name]: text }).success).toBe(false);
  });
});

test('a trace in OTLP JSON passes, with unknown fields dropped', () => {
  const span = {
    traceId: TRACE_ID,
    spanId: '00f067aa0ba902b7',
    name: 'GET /v1/tracks/*',
    kind: 2,
    startTimeUnixNano: '1',
    endTimeUnixNano: '2',
    attributes: [
      { key: 'a', value: { arrayValue: { values: [{ intValue: '1' }, { doubleValue: 'NaN' }] } } },
      { key: 'b', value: { kvlistValue: { values: [{ key: 'c', value: {} }] } } },
    ],
    status: { code: 0 },
  };
  const of = (spans: unknown[]) => ({
    resourceSpans: [{ resource: { attributes: [] }, scopeSpans: [{ scope: { name: 's' }, spans }] }],
  });
  expect(tracesDataSchema.parse(of([{ ...span, novelty: 1 }]))).toEqual(of([span]));
  expect(tracesDataSchema.safeParse(of([{ ...span, traceId: TRACE_ID.toUpperCase() }])).success).toBe(false);
});

test('a recent record names its failure class or none', () => {
  const record = {
    id: 'r-1',
    traceId: TRACE_ID,
    time: '2026-01-01T00:00:00.000Z',
    route: 'tracks',
    method: 'GET',
    path: '/v1/tracks',
    status: 200,
    durationMs: 3.2,
    upstreamMs: 2.9,
    attempts: 1,
    bytesIn: 0,
    bytesOut: 120,
    sampled: true,
  };
  expect(recentRecordSchema.parse(record)).toEqual(record);
  expect(recentRecordSchema.safeParse({ ...record, reason: 'bad_luck' }).success).toBe(false);
});
