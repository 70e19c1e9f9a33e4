import { describe, expect, test } from '@jest/globals';
import { readContext } from '@clearway/telemetry';

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const read = (tracestate: string) => readContext({ traceparent, tracestate })?.traceState;
const members = (count: number, value = '1') => Array.from({ length: count }, (_, i) => `k${i}=${value}`).join(',');

describe('tracestate (W3C Trace Context, 3.3)', () => {
  test.each([
    ['several members in their order (3.3.1.1)', 'rojo=1,congo=2', 'rojo=1,congo=2'],
    ['white space around members (3.3.1.1)', 'foo=1 \t , \t bar=2, \t baz=3', 'foo=1,bar=2,baz=3'],
    ['empty members (3.3.1.1)', ',foo=1,,bar=2,', 'foo=1,bar=2'],
    ['every character of a key (3.3.1.3.1)', 'az09_-*/=1', 'az09_-*/=1'],
    ['a tenant before a system (3.3.1.3.1)', '0tenant@system=1', '0tenant@system=1'],
    ['every character of a value (3.3.1.3.2)', 'k= !"#+-./<>?@~', 'k= !"#+-./<>?@~'],
    ['a space within a value (3.3.1.3.2)', 'k=a b', 'k=a b'],
    ['a key of 256 characters', `${'z'.repeat(256)}=1`, `${'z'.repeat(256)}=1`],
    ['a tenant of 241 and a system of 14', `${'t'.repeat(241)}@${'v'.repeat(14)}=1`, undefined],
    ['a value of 256 characters', `k=${'v'.repeat(256)}`, `k=${'v'.repeat(256)}`],
    ['32 members (3.3.1.1)', members(32), members(32)],
  ])('passes on %s', (_what, given, passed) => {
    expect(read(given)).toBe(passed ?? given);
  });

  test.each([
    ['33 members (3.3.1.1)', members(33)],
    ['a key that comes twice (3.3.1.3)', 'foo=1,foo=2'],
    ['a space before the equals sign', 'foo =1'],
    ['an upper-case key (3.3.1.3.1)', 'FOO=1'],
    ['a dot in a key', 'foo.bar=1'],
    ['a key that begins with a digit', '1foo=1'],
    ['no system after @', 'foo@=1,bar=2'],
    ['no tenant before @', '@foo=1,bar=2'],
    ['two @ in a row', 'foo@@bar=1,bar=2'],
    ['two systems', 'foo@bar@baz=1,bar=2'],
    ['a key of 257 characters', `foo=1,${'z'.repeat(257)}=1`],
    ['a tenant of 242 characters', `foo=1,${'t'.repeat(242)}@v=1`],
    ['a system of 15 characters', `foo=1,t@${'v'.repeat(15)}=1`],
    ['a system that begins with a digit', 't@1=1'],
    ['an equals sign in a value (3.3.1.3.2)', 'foo=bar=baz'],
    ['an empty value', 'foo=,bar=3'],
    ['a value of 257 characters', `foo=${'v'.repeat(257)}`],
    ['a tab in a value', 'foo=a\tb'],
    ['no equals sign', 'foobar'],
    ['nothing', ''],
  ])('is dropped as a whole for %s, and the traceparent stays', (_what, given) => {
    expect(read(given)).toBeUndefined();
    expect(readContext({ traceparent, tracestate: given })?.traceId).toBe('4bf92f3577b34da6a3ce929d0e0e4736');
  });

  test('over 512 characters loses long members first, then the last ones, and only whole ones (3.3.1.5)', () => {
    const long = `long=${'x'.repeat(124)}`;
    expect(read(`${members(20, 'x'.repeat(15))},${long}`)).toBe(members(20, 'x'.repeat(15)));
    const shortened = read(members(32, 'x'.repeat(20)));
    expect(shortened?.length).toBeLessThanOrEqual(512);
    expect(members(32, 'x'.repeat(20)).startsWith(`${shortened},`)).toBe(true);
  });

  test('without a valid traceparent is not looked at (3.3.1)', () => {
    expect(readContext({ tracestate: 'foo=1' })).toBeUndefined();
    expect(readContext({ traceparent: 'broken', tracestate: 'foo=1' })?.traceState).toBeUndefined();
  });
});
