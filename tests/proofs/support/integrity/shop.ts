import pg from 'pg';

/** Orphans that are made behind a disabled trigger, at places spread over the table. */
export const ORPHANS = 137;

/** Fills a database with posts that refer to tracks, as fast as it goes. */
export async function fillShop(url: string, rows: number): Promise<void> {
  await withClient(url, async (client) => {
    await client.query(`
      CREATE EXTENSION pg_stat_statements;
      CREATE TABLE tracks (id bigint PRIMARY KEY, title text NOT NULL);
      CREATE TABLE posts (id bigint PRIMARY KEY, track_id bigint, note text NOT NULL);
      INSERT INTO tracks SELECT n, 'track ' || n FROM generate_series(1, ${Math.ceil(rows / 10)}) AS n`);
    const step = Math.min(rows, 1_000_000);
    for (let from = 1; from <= rows; from += step) {
      await client.query(
        `INSERT INTO posts SELECT n, 1 + (n::bigint * 7919) % ${Math.ceil(rows / 10)}, 'note ' || n
           FROM generate_series(${from}, ${Math.min(rows, from + step - 1)}) AS n`,
      );
    }
    await client.query('ALTER TABLE posts ADD CONSTRAINT posts_track FOREIGN KEY (track_id) REFERENCES tracks');
    await client.query('VACUUM ANALYZE');
  });
}

/** Makes orphans in a key that PostgreSQL goes on to call valid. */
export async function makeOrphans(url: string, rows: number): Promise<void> {
  await withClient(url, (client) =>
    client.query(`
      ALTER TABLE posts DISABLE TRIGGER ALL;
      UPDATE posts SET track_id = -id WHERE id IN (SELECT 1 + n::bigint * ${Math.floor(rows / ORPHANS)} FROM generate_series(0, ${ORPHANS - 1}) AS n);
      ALTER TABLE posts ENABLE TRIGGER ALL`),
  );
}

export interface StatementCost {
  readonly calls: number;
  readonly totalMs: number;
  readonly longestMs: number;
}

/** What the batches of the scans cost, by the server's own count. */
export async function batchCost(url: string): Promise<StatementCost> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<StatementCost>(
      `SELECT coalesce(sum(calls), 0)::float8 AS calls, coalesce(sum(total_exec_time), 0)::float8 AS "totalMs",
              coalesce(max(max_exec_time), 0)::float8 AS "longestMs"
         FROM pg_stat_statements WHERE query LIKE '%WITH batch AS MATERIALIZED%' AND query NOT LIKE '%pg_stat_statements%'`,
    );
    return rows[0] ?? { calls: 0, totalMs: 0, longestMs: 0 };
  });
}

/** Of everything in the table: the same as long as nothing changed. */
export async function fingerprint(url: string): Promise<unknown> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<object>(
      `SELECT count(*)::float8 AS n, sum(hashtextextended(t::text, 0))::text AS sum FROM tracks AS t`,
    );
    return rows[0];
  });
}

export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'proof' });
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
