import { describe, expect, test } from '@jest/globals';
import {
  HIGHEST_BUCKET,
  HISTOGRAM_RELATIVE_ERROR,
  LOWEST_BUCKET,
  bucketOf,
  mergeCounts,
  percentiles,
  valueOfBucket,
  type BucketCounts,
} from '../src/metrics/histogram.ts';

/** Durations from 0.1 ms to days, spread evenly over the magnitudes, always the same. */
function durations(count: number, seed: number): number[] {
  let state = seed;
  const next = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  return Array.from({ length: count }, () => 0.1 * 10 ** (next() * 10));
}

function count(values: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(bucketOf(value), (counts.get(bucketOf(value)) ?? 0) + 1);
  return counts;
}

const exact = (values: readonly number[], fraction: number) =>
  [...values].sort((a, b) => a - b)[Math.max(1, Math.ceil(fraction * values.length)) - 1]!;

describe('histogram', () => {
  test('no value is further from the one that stands for its bucket than the relative error that is promised', () => {
    expect(HISTOGRAM_RELATIVE_ERROR).toBeLessThan(0.022);
    for (const value of durations(20_000, 7)) {
      const error = Math.abs(valueOfBucket(bucketOf(value)) - value) / value;
      expect(error).toBeLessThanOrEqual(HISTOGRAM_RELATIVE_ERROR + 1e-9);
    }
  });

  test('percentiles are those of the values themselves within the relative error', () => {
    for (const size of [1, 2, 10, 999, 5000]) {
      const values = durations(size, size);
      const fractions = [0, 0.5, 0.9, 0.95, 0.99, 1];
      const read = percentiles(count(values), fractions);
      fractions.forEach((fraction, index) => {
        const error = Math.abs(read[index]! / exact(values, fraction) - 1);
        expect(error).toBeLessThanOrEqual(HISTOGRAM_RELATIVE_ERROR + 1e-9);
      });
    }
  });

  test('the counts of three workers merged are the counts of one that saw everything, in any order', () => {
    const values = durations(3000, 3);
    const parts: BucketCounts[] = [0, 1, 2].map((worker) => count(values.filter((_, index) => index % 3 === worker)));
    const byBucket = (counts: BucketCounts) => [...counts].sort(([a], [b]) => a - b);
    expect(byBucket(mergeCounts(...parts))).toEqual(byBucket(count(values)));
    expect(byBucket(mergeCounts(...parts.toReversed()))).toEqual(byBucket(count(values)));
  });

  test('what cannot be measured falls into the outer buckets, so that a job stores a bounded number', () => {
    expect([0, -5, NaN, 1e-12].map(bucketOf)).toEqual(Array(4).fill(LOWEST_BUCKET));
    expect([Infinity, 1e300].map(bucketOf)).toEqual(Array(2).fill(HIGHEST_BUCKET));
    expect(HIGHEST_BUCKET - LOWEST_BUCKET).toBeLessThan(700);
  });

  test('a percentile never lies outside of the least and the greatest value counted', () => {
    expect(percentiles(count([340]), [0.5, 1], { min: 340, max: 340 })).toEqual([340, 340]);
    expect(percentiles(new Map(), [0.5])).toEqual([undefined]);
  });
});
