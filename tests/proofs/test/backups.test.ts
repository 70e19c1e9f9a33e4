import { expect, test } from '@jest/globals';
import { proof as kills } from '../backup-kills.ts';
import { isMet } from '../support/proof.ts';

test('no good backup is lost and no half one called good when backups and restores are killed', async () => {
  const { bars } = await kills.run({ isShort: true, progress: () => {}, signal: new AbortController().signal });
  expect(bars).toHaveLength(5);
  expect(bars.filter((bar) => !isMet(bar))).toEqual([]);
}, 240_000);
