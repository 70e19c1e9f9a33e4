import { expect, test } from '@jest/globals';
import { proof as faults } from '../database-faults.ts';
import { proof as large } from '../database-large.ts';
import { proof as replica } from '../database-replica.ts';
import { isMet, type Proof } from '../support/proof.ts';

/** The bars that the short form of a proof misses. */
async function missed(proof: Proof): Promise<unknown[]> {
  const { bars } = await proof.run({ isShort: true, progress: () => {}, signal: new AbortController().signal });
  expect(bars.length).toBeGreaterThan(0);
  return bars.filter((bar) => !isMet(bar));
}

test('the monitor says what befalls a database, on PostgreSQL 15 and 18, and costs it next to nothing', async () => {
  expect(await missed(faults)).toEqual([]);
}, 240_000);

test('a replica that falls behind or is gone is said by its primary and by itself', async () => {
  expect(await missed(replica)).toEqual([]);
}, 240_000);

test('many tables are looked over in a moment', async () => {
  expect(await missed(large)).toEqual([]);
}, 240_000);
