import { describe, expect, test } from '@jest/globals';
import { messageShape } from '../src/dead-letters/message-shape.ts';
import { signatureOf } from '../src/dead-letters/signature.ts';
import { keepError } from '../src/runs/kept-error.ts';

const STACK = `Error: x
    at render (file:///srv/app/src/cover.ts:12:34)
    at async run (file:///srv/app/src/jobs.ts:7:3)
    at async JobCall.outcome (file:///srv/app/node_modules/@clearway/jobs/dist/runner/job-call.js:64:22)
    at process.processTicksAndRejections (node:internal/process/task_queues:104:5)`;

const of = (message: string, more: object = {}) =>
  signatureOf('render-cover', { name: 'Error', message, stack: STACK, ...more });

/** Pairs of messages from one place in the code that differ in their data only. */
const SAME: readonly (readonly [string, string])[] = [
  ['no cover for track 17', 'no cover for track 4711'],
  [
    'no cover for track 6f9619ff-8b86-d011-b42d-00cf4fc964ff',
    'no cover for track 00000000-0000-0000-0000-000000000000',
  ],
  ['no cover for "Help!"', 'no cover for "Say \\"hi\\""'],
  ["user 'alice' was deleted", "user 'bob' was deleted"],
  ['user alice@example.com bounced', 'user b.o-b+1@mail.example bounced'],
  ['GET https://a.example/v1?x=1 failed', 'GET http://b.example:8080/ failed'],
  ['connect ECONNREFUSED 10.0.0.7:5432', 'connect ECONNREFUSED 127.0.0.1:5433'],
  ['connect ECONNREFUSED ::1:5432', 'connect ECONNREFUSED fe80::1:7'],
  ['cannot open /var/lib/covers/a.png', 'cannot open /tmp/b/c/d.jpeg'],
  ['cannot open C:\\covers\\a.png', 'cannot open D:\\b\\c.jpeg'],
  ['took 3.2s', 'took 1,200.75s'],
  ['took 5000ms of 4000ms', 'took 70ms of 9ms'],
  ['at 2026-11-22T08:00:00.000Z nothing', 'at 2025-01-01T00:00:00+01:00 nothing'],
  ['token 9f86d081884c7d65 expired', 'token 2c26b46b68ffc68f expired'],
  ['order AB-1234-x is closed', 'order ZZ-99-q is closed'],
  ['unexpected {"a":1,"b":[1,2,{"c":null}]}', 'unexpected {"z":"long"}'],
  ['missing ids 1, 2, 3', 'missing ids 4'],
  ['missing ids [1, 2, 3]', 'missing ids [4]'],
  ['line one\n  line 2', 'line one\nline 3'],
  ['balance -12.50 EUR', 'balance 3 EUR'],
];

/** Pairs that have different causes. */
const DIFFERENT: readonly (readonly [string, string])[] = [
  ['no cover for track 17', 'no audio for track 17'],
  ['connect ECONNREFUSED 10.0.0.7:5432', 'connect ETIMEDOUT 10.0.0.7:5432'],
  ['Request failed with status code 404', 'Request failed with status code 500'],
  ['upstream answered 429', 'upstream answered 503'],
  ['P2002: unique constraint', 'P2025: record not found'],
  ['E11000 duplicate key', 'E112 something else'],
  ["can't open user's file", "can't delete user's post"],
  ['timeout of 5000ms exceeded', 'payload of 5000 bytes exceeded'],
];

describe('a signature', () => {
  test.each(SAME)('is the same for %j and %j', (one, other) => {
    expect(messageShape(one)).toBe(messageShape(other));
    expect(of(one)).toBe(of(other));
  });

  test.each(DIFFERENT)('differs for %j and %j', (one, other) => {
    expect(of(one)).not.toBe(of(other));
  });

  test('belongs to its job, and to the name and the code of the error', () => {
    const error = { name: 'Error', message: 'x' };
    const all = [
      signatureOf('a', error),
      signatureOf('b', error),
      signatureOf('a', { ...error, name: 'RangeError' }),
      signatureOf('a', { ...error, code: '23505' }),
      signatureOf('a', { ...error, code: '23503' }),
    ];
    expect(new Set(all).size).toBe(all.length);
    expect(all.every((signature) => /^[0-9a-f]{16}$/.test(signature))).toBe(true);
  });

  test('stays when lines move, files lie elsewhere, builds differ and recursion is deeper', () => {
    const base = of('x');
    const moved = STACK.replaceAll(':12:34', ':99:1').replaceAll('/srv/app/src', 'C:\\app\\dist');
    expect(of('x', { stack: moved })).toBe(base);
    const deep = STACK.replace('    at render', '    at render (file:///srv/app/src/cover.ts:1:1)\n    at render');
    expect(of('x', { stack: deep })).toBe(base);
    const bundled = (hash: string) => ({ stack: STACK.replaceAll('cover.ts', `cover-${hash}.js`) });
    expect(of('x', bundled('B7fz0a91'))).toBe(of('x', bundled('aa1Q09zz')));
  });

  test('differs with the place in the code', () => {
    expect(of('x', { stack: STACK.replace('at render', 'at resize') })).not.toBe(of('x'));
    expect(of('x', { stack: STACK.replace('cover.ts', 'audio.ts') })).not.toBe(of('x'));
  });

  test('tells apart what only the cause tells: fetch failed', () => {
    const fetchFailed = (code: string, address: string) =>
      signatureOf(
        'a',
        keepError(new TypeError('fetch failed', { cause: Object.assign(new Error(`${code} ${address}`), { code }) })),
      );
    expect(fetchFailed('ECONNREFUSED', '10.0.0.1:80')).toBe(fetchFailed('ECONNREFUSED', '10.0.0.2:81'));
    expect(fetchFailed('ECONNREFUSED', '10.0.0.1:80')).not.toBe(fetchFailed('ENOTFOUND', '10.0.0.1:80'));
  });

  test('keeps the names that V8 quotes', () => {
    const reading = (name: string) =>
      of(`Cannot read properties of undefined (reading '${name}')`, { name: 'TypeError' });
    expect(reading('cover')).not.toBe(reading('title'));
    expect(reading('cover')).toBe(reading('cover'));
  });

  test('is made in no time of a text that was made to take long', () => {
    const nasty = [
      '"\\'.repeat(5000),
      '{['.repeat(5000),
      'a@'.repeat(5000),
      '1.'.repeat(5000),
      ':1'.repeat(5000),
      '/a'.repeat(5000),
    ];
    const before = process.cpuUsage();
    for (const message of nasty) of(message, { stack: `Error\n    at ${message.slice(0, 16_000)}` });
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(1000);
  });
});

describe('an error is kept', () => {
  test('with its code and its causes, those of an AggregateError too, and ends in a circle', () => {
    const inner = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    const error = new AggregateError([inner], 'all failed', { cause: new RangeError('why') });
    inner.cause = error;
    expect(keepError(error)).toMatchObject({
      name: 'AggregateError',
      message: 'all failed',
      causes: expect.arrayContaining([
        { name: 'RangeError', message: 'why' },
        { name: 'Error', message: 'refused', code: 'ECONNREFUSED' },
      ]),
    });
    expect(keepError(error).causes).toHaveLength(5);
  });

  test('whatever was thrown, in characters that the database holds', () => {
    expect(keepError('no')).toEqual({ name: 'string', message: 'no' });
    expect(keepError(null)).toEqual({ name: 'object', message: 'null' });
    expect(keepError({ status: 5 })).toEqual({ name: 'object', message: '{ status: 5 }' });
    expect(keepError(new Error('a\u0000b\ud800')).message).toBe('a\ufffdb\ufffd');
    expect(keepError(new Error('x'.repeat(9999))).message).toHaveLength(4000);
  });
});
