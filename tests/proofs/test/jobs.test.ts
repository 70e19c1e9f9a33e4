import { expect, test } from '@jest/globals';
import { proof as failover } from '../jobs-failover.ts';
import { proof as killed } from '../jobs-killed.ts';
import { proof as restarts } from '../jobs-restarts.ts';
import { isMet, type Proof } from '../support/proof.ts';

/** The bars that the short form of a proof misses. */
async function missed(proof: Proof): Promise<unknown[]> {
  const { bars } = await proof.run({ isShort: true, progress: () => {}, signal: new AbortController().signal });
  expect(bars.length).toBeGreaterThan(0);
  return bars.filter((bar) => !isMet(bar));
}

test('no event is lost, counted twice or done twice when workers are killed', async () => {
  expect(await missed(killed)).toEqual([]);
}, 240_000);

test('what was accepted is done once when the database fails over to its synchronous standby', async () => {
  expect(await missed(failover)).toEqual([]);
}, 240_000);

test('what was accepted is done once when PostgreSQL is restarted, killed, or loses one of its processes', async () => {
  expect(await missed(restarts)).toEqual([]);
}, 240_000);
