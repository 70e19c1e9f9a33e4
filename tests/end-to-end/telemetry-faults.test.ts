import { expect, test } from '@jest/globals';
import { isMet } from '../proofs/support/proof.ts';
import { proof } from '../proofs/telemetry-faults.ts';

test(
  proof.guarantee,
  async () => {
    const { bars, measurements } = await proof.run({
      isShort: true,
      progress: () => undefined,
      signal: new AbortController().signal,
    });
    expect({ missed: bars.filter((bar) => !isMet(bar)), examples: measurements['examples'] }).toEqual({
      missed: [],
      examples: [],
    });
  },
  240_000,
);
