import { expect, test } from '@jest/globals';
import { heapLimitBytes } from '../src/config/heap-limit.ts';

test.each([
  [[], undefined, undefined],
  [['--max-semi-space-size=64'], '--enable-source-maps', undefined],
  [['--max-old-space-size=80'], undefined, 80],
  [[], '--max_old_space_size=512 --no-warnings', 512],
  [['--max-old-space-size=80'], '--max-old-space-size=512', 80],
] as const)('the heap limit of %j and NODE_OPTIONS=%j is %s MiB', (flags, nodeOptions, mebibytes) => {
  expect(heapLimitBytes(flags, nodeOptions)).toBe(mebibytes === undefined ? undefined : mebibytes * 2 ** 20);
});
