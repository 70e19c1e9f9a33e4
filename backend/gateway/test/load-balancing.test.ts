import { describe, expect, test } from '@jest/globals';
import { BALANCES, createBalancer } from '../src/proxy/load-balancing.ts';

const target = (name: string, weight = 1, inFlight = 0) => ({ name, weight, inFlight });
const counts = (names: (string | undefined)[]) => {
  const counted: Record<string, number> = {};
  for (const name of names) if (name !== undefined) counted[name] = (counted[name] ?? 0) + 1;
  return counted;
};

describe('choosing a target', () => {
  test('round-robin gives each its turn', () => {
    const choose = createBalancer<ReturnType<typeof target>>('round-robin');
    const targets = [target('a'), target('b'), target('c')];
    const names = Array.from({ length: 9 }, () => choose(targets, new Set())?.name);
    expect(names.join('')).toBe('abcabcabc');
  });

  test('weighted follows the weights without bursts', () => {
    const choose = createBalancer<ReturnType<typeof target>>('weighted');
    const targets = [target('a', 5), target('b', 1), target('c', 1)];
    const names = Array.from({ length: 14 }, () => choose(targets, new Set())?.name);
    expect(counts(names)).toEqual({ a: 10, b: 2, c: 2 });
    expect(names.join('')).not.toContain('aaaaa');
  });

  test('least-in-flight takes the less busy of two, seen by weight', () => {
    const choose = createBalancer<ReturnType<typeof target>>('least-in-flight', () => 0);
    expect(choose([target('busy', 1, 9), target('idle', 1, 1)], new Set())?.name).toBe('idle');
    expect(choose([target('strong', 10, 9), target('weak', 1, 1)], new Set())?.name).toBe('strong');
  });

  test('least-in-flight reaches every target', () => {
    let i = 0;
    const choose = createBalancer<ReturnType<typeof target>>('least-in-flight', () => (i++ * 0.37) % 1);
    const targets = [target('a'), target('b'), target('c')];
    const names = Array.from({ length: 300 }, () => choose(targets, new Set())?.name);
    expect(Object.keys(counts(names)).sort()).toEqual(['a', 'b', 'c']);
  });

  test.each(BALANCES)('%s never gives one that was tried', (balance) => {
    const choose = createBalancer<ReturnType<typeof target>>(balance);
    const targets = [target('a'), target('b')];
    expect(choose(targets, new Set(targets.slice(0, 1)))?.name).toBe('b');
    expect(choose(targets, new Set(targets))).toBeUndefined();
  });
});
