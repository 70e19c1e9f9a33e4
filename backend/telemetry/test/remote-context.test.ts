import { describe, expect, test } from '@jest/globals';
import { formatB3, formatUberTraceId, limitBaggage, readContext } from '@clearway/telemetry';

const TRACE = '80f198ee56343ba864fe8b2a57d3eff7';
const SHORT = '64fe8b2a57d3eff7';
const SPAN = 'e457b5a2e4d86bd1';
const context = (more: object) => ({ traceId: TRACE, spanId: SPAN, traceState: undefined, isDebug: false, ...more });
const NOTHING = { traceId: undefined, spanId: undefined, traceState: undefined, sampled: undefined, isDebug: false };

describe('the header b3', () => {
  test.each([
    ['accepted', `${TRACE}-${SPAN}-1`, context({ sampled: true })],
    ['denied', `${TRACE}-${SPAN}-0-05e3ac9a4f6e3b90`, context({ sampled: false })],
    ['left to us', `${TRACE}-${SPAN}`, context({ sampled: undefined })],
    ['for debugging', `${TRACE}-${SPAN}-d`, context({ sampled: true, isDebug: true })],
    ['of 64 bits', `${SHORT}-${SPAN}-1`, context({ traceId: `${'0'.repeat(16)}${SHORT}`, sampled: true })],
    ['in upper case', `${TRACE.toUpperCase()}-${SPAN.toUpperCase()}-1`, context({ sampled: true })],
    ['a denial alone', '0', { ...NOTHING, sampled: false }],
    ['debugging alone', 'd', { ...NOTHING, sampled: true, isDebug: true }],
  ])('is read: %s', (_what, b3, expected) => {
    expect(readContext({ b3 })).toEqual(expected);
  });

  test.each([
    '',
    'x',
    `${TRACE}-`,
    `${TRACE}-${SPAN}-x`,
    `${TRACE}-${SPAN}-1-short`,
    `${TRACE}-${SPAN}-1-${SPAN}-1`,
    `${TRACE}0-${SPAN}-1`,
    `${'0'.repeat(32)}-${SPAN}-1`,
    `${TRACE}-${'0'.repeat(16)}-1`,
    `${TRACE}-${SPAN}-constructor`,
  ])('that is invalid (%j) begins the trace anew', (b3) => {
    expect(readContext({ b3 })).toEqual(NOTHING);
  });

  test('is written with the state that it was read with', () => {
    const state = { traceId: TRACE, spanId: SPAN, sampled: false, isDebug: false };
    expect(formatB3(state)).toBe(`${TRACE}-${SPAN}-0`);
    expect(formatB3({ ...state, sampled: true })).toBe(`${TRACE}-${SPAN}-1`);
    expect(formatB3({ ...state, sampled: true, isDebug: true })).toBe(`${TRACE}-${SPAN}-d`);
  });
});

describe('the headers X-B3-*', () => {
  const ids = { 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN };
  test.each([
    ['accepted', { ...ids, 'x-b3-sampled': '1' }, context({ sampled: true })],
    ['accepted by an old sender', { ...ids, 'x-b3-sampled': 'true' }, context({ sampled: true })],
    ['denied', { ...ids, 'x-b3-sampled': '0' }, context({ sampled: false })],
    ['left to us', ids, context({ sampled: undefined })],
    ['for debugging', { ...ids, 'x-b3-flags': '1', 'x-b3-sampled': '0' }, context({ sampled: true, isDebug: true })],
    ['a denial alone', { 'x-b3-sampled': '0' }, { ...NOTHING, sampled: false }],
    ['without a span', { 'x-b3-traceid': TRACE, 'x-b3-sampled': '1' }, NOTHING],
    ['with a broken trace', { ...ids, 'x-b3-traceid': 'zz' }, NOTHING],
  ])('are read: %s', (_what, headers, expected) => {
    expect(readContext(headers)).toEqual(expected);
  });
});

describe('the header uber-trace-id', () => {
  test.each([
    ['sampled', `${TRACE}:${SPAN}:0:1`, context({ sampled: true })],
    ['not sampled', `${TRACE}:${SPAN}:0:0`, context({ sampled: false })],
    ['for debugging', `${TRACE}:${SPAN}:0:3`, context({ sampled: true, isDebug: true })],
    ['of 64 bits', `${SHORT}:${SPAN}:0:1`, context({ traceId: `${'0'.repeat(16)}${SHORT}`, sampled: true })],
    [
      'without zeros in front',
      '1:2:0:01',
      context({ traceId: `${'0'.repeat(31)}1`, spanId: `${'0'.repeat(15)}2`, sampled: true }),
    ],
    ['escaped', `${TRACE}%3A${SPAN}%3a0%3A1`, context({ sampled: true })],
  ])('is read: %s', (_what, uber, expected) => {
    expect(readContext({ 'uber-trace-id': uber })).toEqual(expected);
  });

  test.each(['', `${TRACE}:${SPAN}:1`, `${TRACE}:${SPAN}:0:zz`, `0:${SPAN}:0:1`, `${TRACE}:0:0:1`, `${TRACE}0:1:0:1`])(
    'that is invalid (%j) begins the trace anew',
    (uber) => {
      expect(readContext({ 'uber-trace-id': uber })).toEqual(NOTHING);
    },
  );

  test('is written with its flags', () => {
    const state = { traceId: TRACE, spanId: SPAN, sampled: true, isDebug: false };
    expect(formatUberTraceId(state)).toBe(`${TRACE}:${SPAN}:0:1`);
    expect(formatUberTraceId({ ...state, isDebug: true })).toBe(`${TRACE}:${SPAN}:0:3`);
    expect(formatUberTraceId({ ...state, sampled: false })).toBe(`${TRACE}:${SPAN}:0:0`);
  });
});

test('of several formats W3C counts before b3, b3 before X-B3-*, those before uber-trace-id; an invalid one still counts', () => {
  const id = (digit: string) => digit.repeat(32);
  const all = {
    traceparent: `00-${id('1')}-${SPAN}-01`,
    b3: `${id('2')}-${SPAN}-1`,
    'x-b3-traceid': id('3'),
    'x-b3-spanid': SPAN,
    'uber-trace-id': `${id('4')}:${SPAN}:0:1`,
  };
  const after = (...first: string[]) =>
    readContext(Object.fromEntries(Object.entries(all).filter(([name]) => !first.includes(name))))?.traceId;
  const ids = [after(), after('traceparent'), after('traceparent', 'b3'), after('traceparent', 'b3', 'x-b3-traceid')];
  expect(ids).toEqual([id('1'), id('2'), id('3'), id('4')]);
  expect(readContext({ ...all, traceparent: 'broken' })).toEqual(NOTHING);
  expect(readContext({})).toBeUndefined();
});

describe('baggage (W3C Baggage, 3.3)', () => {
  test.each([
    ['members and properties', 'a=1;p;q=2,b=%20', 'a=1;p;q=2,b=%20'],
    ['white space', 'a \t = \t 1 \t ; \t p \t = \t 2 \t , \t b=3', 'a \t = \t 1 \t ; \t p \t = \t 2,b=3'],
    ['an equals sign in a value', 'a=b=c', 'a=b=c'],
    ['an empty value', 'a=', 'a='],
    ['what is broken is left out', 'a=1,,b,c d=1,=1,e="x",f=\u00e9,g=2', 'a=1,g=2'],
    ['nothing usable', 'broken', undefined],
  ])('%s', (_what, given, passed) => {
    expect(limitBaggage(given)).toBe(passed);
  });

  test('64 members of up to 8192 bytes pass; beyond it whole members are left out (3.3.2)', () => {
    const members = (count: number) => Array.from({ length: count }, (_, i) => `key${i}=value`).join(',');
    expect(limitBaggage(members(64))).toBe(members(64));
    expect(limitBaggage(members(65))).toBe(members(64));
    const long = `a=${'x'.repeat(8190)}`;
    expect(limitBaggage(long)).toBe(long);
    expect(limitBaggage(`${long}x`)).toBeUndefined();
    expect(limitBaggage(`b=1,${long},c=2`)).toBe('b=1,c=2');
  });
});
