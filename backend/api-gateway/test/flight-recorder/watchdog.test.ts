import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { FILE_BYTES } from '../../src/flight-recorder/layout.ts';
import type { BlockedLoop, StackFrame } from '../../src/flight-recorder/stack-frames.ts';
import { Watchdog } from '../../src/flight-recorder/watchdog.ts';
import { FLAGS, SIGNS } from './support.ts';

const FRAMES: StackFrame[] = [{ function: 'spin', file: '/app/spin.js', line: 1, column: 1 }];
const settle = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

let integers: Int32Array;
let floats: Float64Array;
let stacks: BlockedLoop[];
let unblocked: BlockedLoop[];
let asked: number;
let watchdog: Watchdog;
let nowMs: number;

beforeEach(() => {
  const shared = new SharedArrayBuffer(FILE_BYTES);
  integers = new Int32Array(shared);
  floats = new Float64Array(shared);
  stacks = [];
  unblocked = [];
  asked = 0;
  nowMs = 0;
  jest.spyOn(performance, 'now').mockImplementation(() => nowMs);
  watchdog = new Watchdog({
    integers,
    floats,
    intervalMs: 100,
    blockedAfterMs: 500,
    onStack: (blocked) => stacks.push(blocked),
    onUnblocked: (blocked) => unblocked.push(blocked),
    inspector: {
      stack: () => {
        asked++;
        return Promise.resolve(FRAMES);
      },
      heapUsedBytes: () => Promise.resolve(77),
    },
  });
});
afterEach(() => void jest.restoreAllMocks());

const beat = (): void => void Atomics.add(integers, FLAGS.beat / 4, 1);
async function lookFor(ms: number, isAlive: boolean): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    if (isAlive) beat();
    nowMs += 100;
    watchdog.look();
    await settle();
  }
}
const blockedForMs = (): number => floats[SIGNS.blockedForMs / 8] as number;

describe('the watchdog', () => {
  test('touches nothing while the main thread is seen', async () => {
    await lookFor(10_000, true);
    await lookFor(400, false);
    await lookFor(1000, true);
    expect([asked, stacks, unblocked]).toEqual([0, [], []]);
    expect(blockedForMs()).toBe(0);
  });

  test('takes the stack once when the main thread stands still, and follows its heap', async () => {
    await lookFor(300, true);
    await lookFor(5000, false);
    expect(stacks).toMatchObject([{ frames: FRAMES }]);
    expect(asked).toBe(1);
    expect(blockedForMs()).toBeCloseTo(5000, 0);
    expect(floats[SIGNS.heapUsedBytes / 8]).toBe(77);
  });

  test('says for how long the main thread stood still when it goes on', async () => {
    await lookFor(300, true);
    await lookFor(1000, false);
    await lookFor(200, true);
    expect(unblocked).toMatchObject([{ forMs: 1000, frames: FRAMES }]);
    expect(blockedForMs()).toBe(0);
  });

  test('takes the stack of each time that it is blocked', async () => {
    await lookFor(300, true);
    for (let i = 0; i < 3; i++) {
      await lookFor(1000, false);
      await lookFor(300, true);
    }
    expect([asked, stacks.length, unblocked.length]).toEqual([3, 3, 3]);
  });

  test('does not take a machine that slept for a blocked event loop', async () => {
    await lookFor(300, true);
    nowMs += 3_600_000;
    watchdog.look();
    expect(asked).toBe(0);
  });

  test('keeps out of the way of a debugger', async () => {
    await lookFor(300, true);
    integers[FLAGS.isInspected / 4] = 1;
    await lookFor(60_000, false);
    expect(asked).toBe(0);
  });

  test('drops a stack that was taken when the main thread had gone on', async () => {
    await lookFor(300, true);
    for (let passed = 0; passed <= 600; passed += 100) {
      nowMs += 100;
      watchdog.look();
    }
    beat();
    await settle();
    expect(asked).toBe(1);
    expect(stacks).toEqual([]);
  });
});
