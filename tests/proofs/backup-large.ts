import { NEWER_PG_DUMP } from '../../backend/backups/test/support/programs.ts';
import { S3_SERVER } from '../../backend/backups/test/support/s3-server.ts';
import { median } from '../../backend/jobs/src/baselines/robust.ts';
import { measureLarge, WAYS, type Pair } from './support/backup-large.ts';
import { atMost, type Proof } from './support/proof.ts';

const WHOLE = { rows: 8_900_000, pairs: { gzip: 3, zstd: 5, pipedZstd: 3 } };
const SHORT = { rows: 100_000, pairs: { gzip: 1, zstd: 0, pipedZstd: 1 } };
const MEBIBYTE = 2 ** 20;

export const proof: Proof = {
  guarantee:
    'Dump and manifest of 1 GB take at most 20 % more than a plain pg_dump -Fc with the same compression, and less than 256 MiB of memory.',
  async run({ isShort, progress, signal }) {
    if (!isShort && NEWER_PG_DUMP === null) throw new Error('it needs CLEARWAY_NEWER_POSTGRESQL: see CONTRIBUTING.md');
    const extent = isShort ? SHORT : WHOLE;
    const found = await measureLarge({ ...extent, s3Server: S3_SERVER }, progress, signal);
    const times = isShort
      ? []
      : (['gzip', 'zstd'] as const).map((compression) =>
          atMost(`dump and manifest / ${WAYS[compression].name}`, ratioOf(found.pairs[compression]), 1.2),
        );
    return {
      bars: [...times, atMost('resident memory (MiB)', Math.round(found.memoryBytes / MEBIBYTE), 255)],
      measurements: { ...extent, ...found },
    };
  },
};

/** The median, since others may have been at work during a single one. */
function ratioOf(pairs: readonly Pair[]): number {
  return Math.round(median(pairs.map(({ oursSeconds, pgDumpSeconds }) => oursSeconds / pgDumpSeconds)) * 100) / 100;
}
