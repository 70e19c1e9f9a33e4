import { describe, expect, test } from '@jest/globals';
import { quantile, significant, summarise } from '../overhead/statistics.ts';

describe('statistics of slices', () => {
  test('sorts by number, not by text, and leaves the series as it is', () => {
    const series = [10, 9, 100, 1];
    expect(quantile(series, 0)).toBe(1);
    expect(quantile(series, 1)).toBe(100);
    expect(series).toEqual([10, 9, 100, 1]);
  });

  test('lies between two values by their distance', () => {
    expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5);
    expect(quantile([10, 20, 30, 40, 50], 0.25)).toBe(20);
    expect(quantile([7], 0.99)).toBe(7);
  });

  test('refuses an empty series', () => {
    expect(() => quantile([], 0.5)).toThrow(RangeError);
  });

  test('summarises', () => {
    expect(summarise([4, 1, 3, 2, 5])).toEqual({ median: 3, lowerQuartile: 2, least: 1, most: 5 });
  });

  test('keeps significant digits of small and of large figures', () => {
    expect(significant(0.0123456)).toBe(0.01235);
    expect(significant(123456)).toBe(123500);
  });
});
