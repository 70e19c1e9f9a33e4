import type pg from 'pg';

const BATCH = 500;
/** Each piece is in the server's memory once. */
const PIECE_BYTES = 4 * 1024 * 1024;

/**
 * Sizes are found by seeking to the end: the catalogue of pages may only be read by superusers, and pages that were
 * never written are there after a restore.
 */
const MEASURE = `
WITH batch AS MATERIALIZED (
  SELECT oid, lo_open(oid, 262144) AS handle FROM pg_largeobject_metadata WHERE oid > $1::oid ORDER BY oid LIMIT ${BATCH}
), sized AS MATERIALIZED (
  SELECT oid, lo_lseek64(handle, 0, 2) AS size, handle FROM batch
), closed AS MATERIALIZED (
  SELECT oid, size, lo_close(handle) FROM sized
)
SELECT max(oid)::text AS last, count(DISTINCT oid)::text AS count,
  coalesce(sum(hash_record_extended(
    ROW(oid, size, piece, lo_get(oid, piece * ${PIECE_BYTES}, ${PIECE_BYTES})), 0)), 0)::text AS checksum
FROM closed CROSS JOIN LATERAL generate_series(0::bigint, greatest(size - 1, 0) / ${PIECE_BYTES}) AS piece`;

/** Counts large objects and sums the hashes of their content, in the session's snapshot: it must be in a transaction. */
export async function measureLargeObjects(client: pg.Client): Promise<{ count: number; checksum: string }> {
  let count = 0;
  let sum = 0n;
  for (let last = '0'; ;) {
    const { rows } = await client.query<{ last: string | null; count: string; checksum: string }>(MEASURE, [last]);
    const [row] = rows;
    if (!row || row.last === null) return { count, checksum: String(sum) };
    count += Number(row.count);
    sum += BigInt(row.checksum);
    last = row.last;
  }
}
