import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startTestServer, withTestDatabase } from '@clearway/database/testing';
import { median } from '../../backend/jobs/src/baselines/robust.ts';
import { fillShop, makeOrphans } from './support/integrity/shop.ts';
import { startTraffic, type TrafficFigures } from './support/integrity/traffic.ts';
import { atLeast, atMost, type Bar, type Proof, type ProofContext } from './support/proof.ts';

const CHILD = fileURLToPath(new URL('./support/integrity/pass-child.ts', import.meta.url));
const KEY = 'public.posts.posts_track';
/** Twice as much as is shipped. */
const SHARE_PERCENT = 20;

interface Extent {
  readonly rows: number;
  readonly seconds: number;
  readonly pairs: number;
}
const WHOLE: Extent = { rows: 1_000_000, seconds: 3, pairs: 15 };
const SHORT: Extent = { rows: 60_000, seconds: 2, pairs: 1 };

/** A time without the scan, and one with it. */
interface Pair {
  readonly quiet: TrafficFigures;
  readonly beside: TrafficFigures;
  /** Requests a second beside the scan, of those without it. */
  readonly ratio: number;
  /** That the scan has seen so far; infinite when it has ended. */
  readonly seenRows: number;
  readonly sharePercent: number;
}

export const proof: Proof = {
  guarantee:
    'Traffic is served beside an integrity scan as without it: both by turns, since a machine serves more in one minute than in the next.',
  async run({ isShort, progress }: ProofContext) {
    const extent = isShort ? SHORT : WHOLE;
    const bars: Bar[] = [];
    const measurements: Record<string, unknown> = { ...extent, sharePercent: SHARE_PERCENT };
    for (const major of [15, 18]) {
      const pairs = await measure(major, extent, (text) => progress(`PostgreSQL ${major}: ${text}`));
      measurements[`PostgreSQL ${major}`] = pairs;
      const share = median(pairs.map(({ sharePercent }) => sharePercent));
      bars.push(
        atLeast(
          `PostgreSQL ${major}: requests a second beside the scan, of those without it (median of pairs)`,
          median(pairs.map(({ ratio }) => ratio)),
          0.8,
        ),
        atMost(`PostgreSQL ${major}: share of the time in which a batch ran (%)`, share, SHARE_PERCENT * 1.2),
        atLeast(`PostgreSQL ${major}: rows that were seen`, pairs.at(-1)?.seenRows ?? 0, 1),
        atMost(
          `PostgreSQL ${major}: failed requests`,
          pairs.reduce((sum, { beside }) => sum + beside.errors, 0),
          0,
        ),
      );
    }
    return { bars, measurements };
  },
};

async function measure(major: number, { rows, seconds, pairs }: Extent, say: (text: string) => void): Promise<Pair[]> {
  const settings = { max_wal_size: '4GB', shared_preload_libraries: 'pg_stat_statements' };
  const server = await startTestServer({ ...(major !== 15 && { major }), settings });
  try {
    const own = await withTestDatabase({ serverUrl: server.url('postgres') });
    const shop = await withTestDatabase({ serverUrl: server.url('postgres'), migrations: null });
    say(`filling it with ${rows} rows`);
    await fillShop(shop.connectionString, rows);
    await makeOrphans(shop.connectionString, rows);
    const traffic = startTraffic(shop.connectionString, rows);
    await sleep(5 * seconds * 1000); // warm now
    const measured: Pair[] = [];
    while (measured.length < pairs) {
      traffic.take();
      await sleep(seconds * 1000);
      const quiet = traffic.take();
      const pass = await onePass(shop.connectionString, own.connectionString, seconds, traffic);
      measured.push({ quiet, ...pass, ratio: pass.beside.perSecond / quiet.perSecond });
      say(
        `${Math.round(pass.beside.perSecond)} requests a second beside the scan, ${Math.round(quiet.perSecond)} without`,
      );
    }
    await traffic.stop();
    return measured;
  } finally {
    await server.stop();
  }
}

async function onePass(url: string, ownUrl: string, passSeconds: number, traffic: { take(): TrafficFigures }) {
  const entry = { database: 'shop', pacing: { sharePercent: SHARE_PERCENT, passSeconds } };
  const words = ['--disable-warning=ExperimentalWarning', '-C', '@clearway/source'];
  const child = fork(CHILD, [JSON.stringify({ url, ownUrl, entry, passes: 1 })], { execArgv: words });
  await once(child, 'message'); // it begins
  traffic.take();
  const beganMs = performance.now();
  const [told] = (await once(child, 'message')) as [Told];
  const tookMs = performance.now() - beganMs;
  const beside = traffic.take();
  await once(child, 'exit');
  const check = told.checks.find(({ id }) => id === KEY);
  const seenRows = check?.scan?.scannedRows ?? (check?.status === 'violated' ? Infinity : 0);
  return { beside, seenRows, sharePercent: (100 * told.outcome.busyMs) / tookMs };
}

interface Told {
  readonly outcome: { readonly busyMs: number };
  readonly checks: readonly {
    readonly id: string;
    readonly status: string;
    readonly scan: { readonly scannedRows: number } | null;
  }[];
}
