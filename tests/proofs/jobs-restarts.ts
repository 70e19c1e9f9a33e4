import { migrateDeploy, startEmbeddedPostgres, type EmbeddedPostgres } from '@clearway/database';
import { startJobs, type Jobs } from '@clearway/jobs';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { startJobWorkers } from './support/job-workers.ts';
import { killServer } from './support/kill-server.ts';
import { atMost, type Proof, type ProofContext } from './support/proof.ts';
import { silent } from './support/silent.ts';
import { barsOf, countAll, createTransfers, TransferClient, untilDone } from './support/transfers.ts';

/** How much is done; each of the three outages as often. */
interface Extent {
  readonly eventsPerSecond: number;
  readonly rounds: number;
  /** Between an outage and the next one, so that the workers are in the middle of their runs. */
  readonly calmSeconds: number;
  /** How long a server that stopped is away. */
  readonly awaySeconds: number;
  readonly processes: number;
}

const WHOLE: Extent = { eventsPerSecond: 50, rounds: 4, calmSeconds: 8, awaySeconds: 5, processes: 3 };
const SHORT: Extent = { eventsPerSecond: 30, rounds: 1, calmSeconds: 0.5, awaySeconds: 0.2, processes: 1 };
const TIMES = { heartbeatSeconds: 10, superviseSeconds: 1 };

export const proof: Proof = {
  guarantee:
    'PostgreSQL is restarted, killed with SIGKILL, or loses one of its processes while jobs run: what was accepted is done, once, and counted once.',
  async run({ isShort, progress, signal }: ProofContext) {
    const extent = isShort ? SHORT : WHOLE;
    const { eventsPerSecond, rounds, calmSeconds } = extent;
    const server = await startServer();
    const { jobs, workers, close } = await startAll(server.connectionString, extent);
    const client = new TransferClient(jobs);
    const abort = new AbortController();
    try {
      const enqueuing = client.enqueueFor(Infinity, eventsPerSecond, abort.signal);
      const recoveries: number[] = [];
      for (let round = 0; round < rounds; round++) {
        for (const [name, outage] of Object.entries(server.outages)) {
          await sleep(calmSeconds * 1000, undefined, { signal });
          await outage(extent.awaySeconds);
          recoveries.push(await untilNextSuccess(jobs));
          progress(`${name}: a run succeeded ${recoveries.at(-1)} s after the database was back`);
        }
      }
      await sleep(calmSeconds * 1000, undefined, { signal });
      abort.abort();
      await enqueuing;
      const drainSeconds = await untilDone(jobs, progress);
      const seen = await countAll(jobs);
      const { effects, lost } = seen;
      return {
        bars: [
          ...barsOf(client.accepted, seen),
          atMost('seconds from the return of the database to the next success, longest', Math.max(...recoveries), 60),
        ],
        measurements: {
          ...extent,
          outages: Object.keys(server.outages),
          accepted: client.accepted.size,
          effects,
          lostRuns: lost,
          recoverySeconds: recoveries,
          drainSeconds,
        },
      };
    } finally {
      abort.abort();
      await workers.stop();
      await close();
      await server.stop();
    }
  },
};

async function startAll(connectionString: string, { processes }: Extent) {
  await migrateDeploy({ connectionString });
  const jobs = await startJobs({
    connectionString,
    service: 'proof-client',
    jobs: [],
    log: silent,
    isWorking: false,
    times: TIMES,
  });
  await createTransfers(jobs);
  const settings = { connectionString, heartbeatSeconds: TIMES.heartbeatSeconds, concurrency: 20, workMs: 300 };
  const workers = await startJobWorkers(processes, settings);
  return { jobs, workers, close: () => jobs.stop(0) };
}

/** A server whose data outlives it, with what can happen to it. */
async function startServer() {
  const folder = mkdtempSync(path.join(tmpdir(), 'clearway-proof-'));
  chmodSync(folder, 0o711);
  const start = (port?: number): Promise<EmbeddedPostgres> =>
    startEmbeddedPostgres({
      dataDirectory: path.join(folder, 'postgres'),
      databases: ['jobs'],
      settings: { max_connections: 100 },
      ...(port !== undefined && { port }),
    });
  let server = await start();
  const startAgain = async (awaySeconds: number): Promise<void> => {
    await sleep(awaySeconds * 1000);
    server = await start(server.port);
  };
  return {
    connectionString: server.url('jobs'),
    outages: {
      restarted: async (awaySeconds: number) => {
        await server.stop();
        await startAgain(awaySeconds);
      },
      killed: async (awaySeconds: number) => {
        await killServer(server.pid, await dataDirectory(server));
        await startAgain(awaySeconds);
      },
      'one process killed': () => killOneProcess(server),
    },
    async stop() {
      await server.stop().catch(() => {});
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function dataDirectory(server: EmbeddedPostgres): Promise<string> {
  const rows = await ask<{ data_directory: string }>(server, 'SHOW data_directory');
  return rows[0]?.data_directory ?? '';
}

/** A process that died may have spoilt the shared memory: PostgreSQL ends all the others and recovers by itself. */
async function killOneProcess(server: EmbeddedPostgres): Promise<void> {
  const pid = "SELECT pid FROM pg_stat_activity WHERE application_name = 'proof-jobs' ORDER BY random() LIMIT 1";
  const [worker] = await ask<{ pid: number }>(server, pid);
  process.kill(worker!.pid, 'SIGKILL');
}

async function ask<Row extends object>(server: EmbeddedPostgres, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: server.url('jobs') });
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

async function untilNextSuccess({ connections }: Jobs): Promise<number> {
  const startMs = performance.now();
  const count = (): Promise<number> =>
    connections.query<{ count: number }>('SELECT count(*)::int AS count FROM transfers').then(
      ({ rows }) => rows[0]?.count ?? 0,
      () => -1,
    );
  let before = -1;
  for (;;) {
    const now = await count();
    if (before === -1) before = now;
    if (before !== -1 && now > before) return Math.round((performance.now() - startMs) / 100) / 10;
    await sleep(100);
  }
}
