import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startTestServer, withTestDatabase } from '@clearway/database/testing';
import { batchCost, fillShop, fingerprint, makeOrphans, ORPHANS, withClient } from './support/integrity/shop.ts';
import { startTraffic } from './support/integrity/traffic.ts';
import { atLeast, atMost, type Bar, type Proof, type ProofContext } from './support/proof.ts';

const CHILD = fileURLToPath(new URL('./support/integrity/pass-child.ts', import.meta.url));
const KEY = 'public.posts.posts_track';
/** Twice as much as is shipped, so that the proof ends within minutes. */
const SHARE_PERCENT = 20;
const BATCH_TIMEOUT_MS = 2000;
/** Each is at fault in another way; none may change anything or be called ok. */
const AT_FAULT = [
  { name: 'writes', sql: 'DELETE FROM tracks RETURNING id' },
  { name: 'writes-within', sql: 'WITH gone AS (DELETE FROM tracks RETURNING id) SELECT id FROM gone' },
  {
    name: 'never-ends',
    sql: 'WITH RECURSIVE r (id) AS (SELECT 1 UNION ALL SELECT id FROM r) SELECT id FROM r WHERE id = 2',
    timeoutMs: 500,
  },
  { name: 'no-query', sql: 'please count the tracks' },
  { name: 'several', sql: 'SELECT id FROM tracks WHERE false; DROP TABLE tracks CASCADE' },
  { name: 'locks', sql: 'SELECT id FROM tracks WHERE pg_advisory_lock(id) IS NULL' },
];

interface Extent {
  readonly rows: number;
  /** On an older version, fewer: the same is done there. */
  readonly rowsBefore: number;
  readonly passSeconds: number;
  readonly warmSeconds: number;
  readonly batchMs: number;
}
const WHOLE: Extent = { rows: 10_000_000, rowsBefore: 1_000_000, passSeconds: 20, warmSeconds: 15, batchMs: 50 };
const SHORT: Extent = { rows: 60_000, rowsBefore: 30_000, passSeconds: 1, warmSeconds: 1, batchMs: 10 };

interface Told {
  readonly outcome: {
    readonly runs: number;
    readonly busyMs: number;
    readonly hasMore: boolean;
    readonly problem?: string;
  };
  readonly checks: readonly {
    readonly id: string;
    readonly kind: string;
    readonly status: string;
    readonly violations: number;
    readonly sample: readonly object[];
    readonly reason: string | null;
    readonly scan: { readonly scannedRows: number } | null;
  }[];
}

export const proof: Proof = {
  guarantee:
    'Ten million rows are searched for orphans behind a valid key in short paced batches, beside traffic, also through kill -9; invariants at fault change nothing.',
  async run({ isShort, progress, signal }: ProofContext) {
    const extent = isShort ? SHORT : WHOLE;
    const bars: Bar[] = [];
    const measurements: Record<string, unknown> = { ...extent, orphans: ORPHANS, sharePercent: SHARE_PERCENT };
    const majors = [
      [15, extent.rowsBefore],
      [18, extent.rows],
    ] as const;
    for (const [major, rows] of majors) {
      const found = await search(major, { ...extent, rows }, { isShort, progress, signal });
      measurements[`PostgreSQL ${major}`] = found;
      bars.push(
        atMost(`PostgreSQL ${major}: orphans missed or invented`, Math.abs(found.violations - ORPHANS), 0),
        atLeast(`PostgreSQL ${major}: sample keys`, found.sample.length, 5),
        atMost(
          `PostgreSQL ${major}: share of the time in which a batch ran (%)`,
          found.sharePercent,
          SHARE_PERCENT * 1.2,
        ),
        atMost(`PostgreSQL ${major}: longest batch, by the server (ms)`, found.batches.longestMs, BATCH_TIMEOUT_MS),
        atMost(`PostgreSQL ${major}: sessions of the checks at once`, found.sessions, 1),
        atMost(
          `PostgreSQL ${major}: longest wait of a schema change for a batch (ms)`,
          found.schemaChangeMs,
          BATCH_TIMEOUT_MS,
        ),
        atMost(`PostgreSQL ${major}: rows that were looked at twice after kill -9 (passes)`, found.repeatedPasses, 1.5),
        atMost(`PostgreSQL ${major}: failed requests`, found.during.errors, 0),
        atMost(`PostgreSQL ${major}: invariants at fault that were not called failed`, found.uncaught.length, 0),
        atMost(`PostgreSQL ${major}: changes by invariants at fault`, found.isUnchanged ? 0 : 1, 0),
      );
    }
    return { bars, measurements };
  },
};

async function search(major: number, extent: Extent, { progress }: ProofContext) {
  const settings = { shared_preload_libraries: 'pg_stat_statements', max_wal_size: '4GB', shared_buffers: '256MB' };
  const server = await startTestServer({ ...(major !== 15 && { major }), settings });
  const own = await withTestDatabase({ serverUrl: server.url('postgres') });
  const shop = await withTestDatabase({ serverUrl: server.url('postgres'), migrations: null });
  const url = shop.connectionString;
  const say = (text: string) => progress(`PostgreSQL ${major}: ${text}`);
  try {
    say(`filling it with ${extent.rows} rows`);
    await fillShop(url, extent.rows);
    await makeOrphans(url, extent.rows);
    const before = await fingerprint(url);
    const traffic = startTraffic(url, extent.rows);
    await sleep(extent.warmSeconds * 1000);
    traffic.take(); // warm now
    const observed = observe(url);
    const seen = await searchThroughAKill({ url, ownUrl: own.connectionString, extent, say });
    const during = traffic.take();
    const { sessions, schemaChangeMs } = await observed.stop();
    await traffic.stop();
    const key = seen.last.checks.find(({ id }) => id === KEY);
    const faulty = seen.last.checks.filter(({ id }) => AT_FAULT.some(({ name }) => name === id));
    return {
      violations: key?.violations ?? NaN,
      sample: key?.sample ?? [],
      seconds: seen.seconds,
      passes: seen.passes,
      busySeconds: seen.busyMs / 1000,
      sharePercent: (100 * seen.busyMs) / (seen.seconds * 1000),
      rowsASecond: extent.rows / seen.seconds,
      batches: await batchCost(url),
      sessions,
      schemaChangeMs,
      repeatedPasses: seen.repeatedPasses,
      during,
      reasons: Object.fromEntries(faulty.map(({ id, reason }) => [id, reason])),
      uncaught: AT_FAULT.filter(({ name }) => faulty.find(({ id }) => id === name)?.status !== 'failed').map(
        ({ name }) => name,
      ),
      isUnchanged: JSON.stringify(before) === JSON.stringify(await fingerprint(url)),
    };
  } finally {
    await server.stop();
  }
}

interface Search {
  readonly url: string;
  readonly ownUrl: string;
  readonly extent: Extent;
  readonly say: (text: string) => void;
}

/** Passes in a process that is killed in the middle of one, and in a second one that ends the search. */
async function searchThroughAKill({ url, ownUrl, extent, say }: Search) {
  const { passSeconds, batchMs } = extent;
  const pacing = { sharePercent: SHARE_PERCENT, passSeconds, batchMs, batchTimeoutMs: BATCH_TIMEOUT_MS };
  const entry = { database: 'shop', invariants: AT_FAULT, pacing };
  const startMs = performance.now();
  const told: Told[] = [];
  const start = (): ChildProcess => {
    const words = ['--disable-warning=ExperimentalWarning', '-C', '@clearway/source'];
    const child = fork(CHILD, [JSON.stringify({ url, ownUrl, entry })], { execArgv: words });
    child.on('message', (message: Told) => {
      told.push(message);
      const rows = message.checks.find(({ id }) => id === KEY)?.scan?.scannedRows;
      if (rows !== undefined) say(`${rows} rows seen`);
    });
    return child;
  };
  const scannedRows = (): number | undefined => told.at(-1)?.checks.find(({ id }) => id === KEY)?.scan?.scannedRows;
  const victim = start();
  while (scannedRows() === undefined) await sleep(20);
  await sleep(passSeconds * 500); // in the middle of the next pass
  const known = scannedRows() ?? 0;
  victim.kill('SIGKILL');
  await once(victim, 'exit');
  const count = told.length;
  const second = start();
  await once(second, 'exit');
  const last = told.at(-1);
  if (!last || last.outcome.hasMore || told.length === count) throw new Error('the search was not ended');
  const firstAfter = told[count]?.checks.find(({ id }) => id === KEY)?.scan?.scannedRows ?? Infinity;
  const perPass = known / Math.max(1, count - 1);
  return {
    last,
    passes: told.length,
    seconds: (performance.now() - startMs) / 1000,
    busyMs: told.reduce((sum, { outcome }) => sum + outcome.busyMs, 0),
    // what was known before the kill is not looked at again: at most the pass that was under way
    repeatedPasses: firstAfter >= known ? 1 : (known - firstAfter) / Math.max(1, perPass) + 1,
  };
}

/** Looks again and again how many sessions the checks have, and how long a schema change waits for them. */
function observe(url: string): { stop(): Promise<{ sessions: number; schemaChangeMs: number }> } {
  let isOver = false;
  let sessions = 0;
  let schemaChangeMs = 0;
  const running = withClient(url, async (client) => {
    for (let n = 0; !isOver; n++) {
      const { rows } = await client.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'clearway-integrity'`,
      );
      sessions = Math.max(sessions, rows[0]?.n ?? 0);
      if (n % 20 === 0) {
        const startMs = performance.now();
        await client.query(
          `COMMENT ON TABLE tracks IS 'looked at ${n}'; ALTER TABLE tracks SET (autovacuum_enabled = true)`,
        );
        schemaChangeMs = Math.max(schemaChangeMs, performance.now() - startMs);
      }
      await sleep(50);
    }
  });
  return {
    async stop() {
      isOver = true;
      await running;
      return { sessions, schemaChangeMs };
    },
  };
}
