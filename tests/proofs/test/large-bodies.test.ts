import { expect, test } from '@jest/globals';
import { proof } from '../large-bodies.ts';
import { isMet } from '../support/proof.ts';

test('bodies pass both ways without growing the gateway, also when nobody reads them for a while', async () => {
  const { bars } = await proof.run({ isShort: true, progress: () => {}, signal: new AbortController().signal });
  expect(bars).toHaveLength(3);
  expect(bars.filter((bar) => !isMet(bar))).toEqual([]);
}, 240_000);
