import { describe, expect, test } from '@jest/globals';
import { judgeEnd } from '../../src/flight-recorder/judge-end.ts';
import { lastWordsOf } from '../../src/flight-recorder/last-words.ts';
import { lastWordsSchema } from '@clearway/contracts';
import { flightWith } from './support.ts';

const BLOCK = { atMs: 1000, forMs: 600, frames: [{ function: 'spin', file: '/app/spin.js', line: 3, column: 5 }] };
const end = (fields: object) => ({ atMs: 5000, cause: null, exitCode: null, error: null, ...fields });

describe('why a process ended', () => {
  test.each([
    ['told to end', flightWith({ end: end({ cause: 'SIGTERM' }) }), 'in_order', 'in order on SIGTERM'],
    ['exit 0', flightWith({ end: end({ exitCode: 0 }) }), 'in_order', 'in order'],
    ['a second signal', flightWith({ end: end({ cause: 'SIGTERM', exitCode: 143 }) }), 'exited', 'status 143'],
    ['an error', flightWith({ end: end({ cause: 'fatal', error: 'Error: no' }) }), 'exited', 'nobody handled'],
    ['a restart', flightWith({ facts: { bootId: 'before' } }), 'machine_restarted', 'restarted'],
    [
      'a loop',
      flightWith({ signs: { blockedForMs: 1500, seenAtMs: 2500 }, block: BLOCK }),
      'blocked',
      '1.5 s in spin (/app/spin.js:3)',
    ],
    [
      'a loop that leaks',
      flightWith({
        signs: { blockedForMs: 1500, seenAtMs: 2500, heapUsedBytes: 95, heapLimitBytes: 100 },
        block: BLOCK,
      }),
      'heap_exhausted',
      'in spin (/app/spin.js:3), with its heap 95 % full',
    ],
    [
      'a full heap',
      flightWith({ signs: { heapUsedBytes: 95 * 2 ** 20, heapLimitBytes: 100 * 2 ** 20 } }),
      'heap_exhausted',
      '95 % full (95 of 100 MiB)',
    ],
    [
      'a full container',
      flightWith({ signs: { residentBytes: 99 * 2 ** 20 }, facts: { memoryLimitBytes: 100 * 2 ** 20 } }),
      'memory_exhausted',
      '99 of the 100 MiB',
    ],
    ['a kill', flightWith({ signs: { heapUsedBytes: 5, heapLimitBytes: 100 } }), 'killed', 'kill -9'],
  ] as const)('%s', (_, flight, expected, words) => {
    const verdict = judgeEnd(flight, 'boot');
    expect(verdict.end).toBe(expected);
    expect(verdict.explanation).toContain(words);
    expect(verdict.isCertain).toBe(expected === 'in_order' || expected === 'exited');
  });
});

describe('last words', () => {
  test('are what the contract says, with addresses and stack for operators only', () => {
    const flight = flightWith({
      signs: { blockedForMs: 600, seenAtMs: 5000 },
      block: { ...BLOCK, atMs: 4400 },
      end: end({ cause: 'fatal', error: 'Error: at 10.0.0.1' }),
      entries: () => [
        {
          isOpen: true,
          traceId: 'a'.repeat(32),
          requestId: 'order-1',
          method: 'GET',
          client: '192.0.2.1',
          path: '/v1',
          startedAtMs: 4000,
          progress: undefined,
          outcome: undefined,
        },
      ],
    });
    const forOperators = lastWordsOf(flight, 'boot', { records: 10, showCause: true });
    expect(lastWordsSchema.parse(forOperators)).toEqual(forOperators);
    expect(forOperators.blocked?.stack).toEqual(BLOCK.frames);
    expect(JSON.stringify(forOperators)).toContain('192.0.2.1');
    const forViewers = lastWordsOf(flight, 'boot', { records: 10, showCause: false });
    expect(lastWordsSchema.parse(forViewers)).toEqual(forViewers);
    expect(forViewers.blocked?.stack).toEqual([]);
    expect(JSON.stringify(forViewers)).not.toMatch(/192\.0\.2\.1|10\.0\.0\.1/);
  });

  test('do not give the stack of an earlier time to the one that ended it', () => {
    const flight = flightWith({ signs: { blockedForMs: 600, seenAtMs: 90_000 }, block: BLOCK });
    const words = lastWordsOf(flight, 'boot', { records: 0, showCause: true });
    expect(words.blocked).toMatchObject({ isLast: true, forMs: 600, stack: [] });
  });
});
