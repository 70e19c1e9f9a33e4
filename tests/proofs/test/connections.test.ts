import { expect, test } from '@jest/globals';
import { proof as held } from '../held-connections.ts';
import { proof as million } from '../million-requests.ts';
import { proof as slow } from '../slow-clients.ts';
import { isMet, type Proof } from '../support/proof.ts';

/** The bars that the short form of a proof misses. */
async function missed(proof: Proof): Promise<unknown[]> {
  const { bars } = await proof.run({ isShort: true, progress: () => {}, signal: new AbortController().signal });
  expect(bars.length).toBeGreaterThan(0);
  return bars.filter((bar) => !isMet(bar));
}

test('WebSockets and event streams outlive a reload, and a drain ends each WebSocket with 1001', async () => {
  expect(await missed(held)).toEqual([]);
}, 240_000);

test('slow readers and writers take a bounded memory and keep nobody waiting', async () => {
  expect(await missed(slow)).toEqual([]);
}, 240_000);

test('many requests are answered and told of one by one, in a memory that stays where it was', async () => {
  expect(await missed(million)).toEqual([]);
}, 240_000);
