import type pg from 'pg';

const BATCH = 1000;
const PIECE_BYTES = 1024 * 1024;

/**
 * The content of all large objects as statements, which any client can run. The objects themselves are made by the
 * script's first section.
 */
export async function* largeObjectStatements(client: pg.Client): AsyncGenerator<Buffer, void, undefined> {
  for (let last = '0'; ;) {
    const { rows } = await client.query<{ oid: string }>(
      `SELECT oid::text FROM pg_largeobject_metadata WHERE oid > $1::oid ORDER BY oid LIMIT ${BATCH}`,
      [last],
    );
    for (const { oid } of rows) yield* contentOf(client, oid);
    if (rows.length < BATCH) return;
    last = rows.at(-1)?.oid ?? '';
  }
}

async function* contentOf(client: pg.Client, oid: string): AsyncGenerator<Buffer, void, undefined> {
  for (let offset = 0; ; offset += PIECE_BYTES) {
    const { rows } = await client.query<{ piece: Buffer }>('SELECT lo_get($1::oid, $2::bigint, $3::int) AS piece', [
      oid,
      offset,
      PIECE_BYTES,
    ]);
    const piece = rows[0]?.piece ?? Buffer.alloc(0);
    if (piece.length > 0)
      yield Buffer.from(`SELECT pg_catalog.lo_put(${oid}, ${offset}, '\\x${piece.toString('hex')}');\n`);
    if (piece.length < PIECE_BYTES) return;
  }
}
