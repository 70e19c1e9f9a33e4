import { expect, test } from '@jest/globals';
import { proof as failover } from '../jobs-failover.ts';
import { proof as killed } from '../jobs-killed.ts';
import { isMet, type Proof } from '../support/proof.ts';

/** The bars that the short form of a proof misses. */
async function missed(proof: Proof): Promise<unknown[]> {
  const { bars } = await proof.run({ isShort: true, progress: () => {}, signal: new AbortController().signal });
  expect(bars.length).toBeGreaterThan(0);
  return bars.filter((bar) => !isMet(bar));
}

// both wait for the ten seconds after which a run without a sign of life counts as lost
test('no event is lost, counted twice or done twice when workers are killed', async () => {
  expect(await missed(killed)).toEqual([]);
}, 120_000);

test('what was accepted is done once when the database fails over to its synchronous standby', async () => {
  expect(await missed(failover)).toEqual([]);
}, 120_000);
