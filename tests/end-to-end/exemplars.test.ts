import { expect, test } from '@jest/globals';
import { proof } from '../proofs/exemplars.ts';
import { isMet } from '../proofs/support/proof.ts';

test(
  proof.guarantee,
  async () => {
    const { bars } = await proof.run({
      isShort: true,
      progress: () => undefined,
      signal: new AbortController().signal,
    });
    expect(bars.filter((bar) => !isMet(bar))).toEqual([]);
  },
  240_000,
);
