import { setTimeout as sleep } from 'node:timers/promises';
import { migrateDeploy } from '@clearway/database';
import { defineJob, startJobs, type Jobs } from '@clearway/jobs';
import { z } from 'zod';
import { atMost, type Proof, type ProofContext } from './support/proof.ts';
import { silent } from './support/silent.ts';
import { startReplicatedServers, type ReplicatedServers } from './support/standby.ts';
import { tcpSwitch, type TcpSwitch } from './support/tcp-switch.ts';

const WHOLE = { eventsPerSecond: 50, beforeSeconds: 20, afterSeconds: 20 };
const SHORT = { eventsPerSecond: 20, beforeSeconds: 2, afterSeconds: 1 };

let accepted = new Set<number>();

const transfer = defineJob({
  id: 'transfer',
  input: z.object({ number: z.int() }),
  retries: 50,
  backoff: { minMs: 1000, maxMs: 2000 },
  concurrency: 20,
  idempotencyKey: ({ number }) => `transfer-${number}`,
  run: async ({ number }, { effect, signal }) => {
    await sleep(300 * Math.random(), undefined, { signal });
    effect((sql) => sql.query('INSERT INTO transfers (number) VALUES ($1)', [number]));
  },
});

export const proof: Proof = {
  guarantee:
    'The primary is killed and its synchronous standby takes over while jobs run: what was accepted is done, once, and counted once.',
  async run({ isShort, progress }: ProofContext) {
    accepted = new Set();
    const extent = isShort ? SHORT : WHOLE;
    const servers = await startReplicatedServers();
    const gate = await tcpSwitch(servers.primaryPort);
    const jobs = await startOn(servers, gate);
    try {
      progress('jobs run on the primary');
      await enqueueFor(jobs, extent.beforeSeconds, extent.eventsPerSecond, 0);
      const enqueuing = enqueueFor(jobs, 3, extent.eventsPerSecond, 1_000_000);
      const startMs = performance.now();
      await servers.killPrimary();
      progress('the primary is dead');
      await servers.promote();
      gate.switchTo(servers.standbyPort);
      const promotedSeconds = (performance.now() - startMs) / 1000;
      progress('the standby has taken over');
      await enqueuing;
      await enqueueFor(jobs, extent.afterSeconds, extent.eventsPerSecond, 2_000_000);
      const drainSeconds = await untilDone(jobs, progress);
      const seen = await countAll(jobs);
      const missing = [...accepted].filter((number) => !seen.numbers.has(number)).length;
      return {
        bars: [
          atMost('accepted events that were not done', missing, 0),
          atMost('effects done more than once', seen.effects - seen.numbers.size, 0),
          atMost('difference of successes counted and effects', Math.abs(seen.successes - seen.effects), 0),
          atMost('difference of runs kept and runs counted', Math.abs(seen.runs - seen.executions), 0),
        ],
        measurements: {
          ...extent,
          accepted: accepted.size,
          promotedSeconds,
          drainSeconds,
          effects: seen.effects,
          lostRuns: seen.lost,
        },
      };
    } finally {
      await jobs.stop(0);
      await gate.close();
      await servers.stop();
    }
  },
};

async function startOn(servers: ReplicatedServers, gate: TcpSwitch): Promise<Jobs> {
  await migrateDeploy({ connectionString: servers.primaryUrl('postgres') });
  const url = new URL(servers.primaryUrl('postgres'));
  url.port = String(gate.port);
  const jobs = await startJobs({
    connectionString: url.toString(),
    service: 'proof',
    jobs: [transfer],
    log: silent,
    times: { heartbeatSeconds: 10, superviseSeconds: 1, pollMs: 500, signMs: 1000 },
  });
  await jobs.connections.query('CREATE TABLE transfers (number int NOT NULL)');
  return jobs;
}

/** Enqueues at a rate; what was answered for counts, what was refused does not. */
async function enqueueFor(jobs: Jobs, seconds: number, perSecond: number, first: number): Promise<void> {
  const untilMs = performance.now() + seconds * 1000;
  const pending: Promise<void>[] = [];
  for (let number = first; performance.now() < untilMs; number++) {
    const enqueued = jobs.enqueue(transfer, { number }).then(
      () => void accepted.add(number),
      () => {},
    );
    pending.push(enqueued);
    await sleep(1000 / perSecond);
  }
  await Promise.all(pending);
}

async function untilDone(jobs: Jobs, progress: (text: string) => void): Promise<number> {
  const startMs = performance.now();
  for (;;) {
    const waitedSeconds = Math.round((performance.now() - startMs) / 1000);
    const open = await jobs.connections
      .query<{ open: number }>(
        "SELECT count(*)::int AS open FROM pgboss.job WHERE name = 'transfer' AND state < 'completed'",
      )
      .then(
        ({ rows }) => rows[0]?.open ?? 0,
        () => 1,
      );
    if (open === 0 || waitedSeconds > 180) return waitedSeconds;
    progress(`${open} events open`);
    await sleep(1000);
  }
}

async function countAll(jobs: Jobs) {
  const { rows: numbers } = await jobs.connections.query<{ number: number }>('SELECT number FROM transfers');
  const { rows } = await jobs.connections.query<Record<string, number>>(`
    SELECT success_count AS successes, total_executions AS executions,
      (SELECT count(*) FROM job_runs WHERE status NOT IN ('RUNNING', 'CANCELLED', 'DUPLICATE'))::int AS runs,
      (SELECT count(*) FROM job_runs WHERE status = 'LOST')::int AS lost
    FROM job_metrics WHERE job_id = 'transfer'`);
  const { successes = 0, executions = 0, runs = 0, lost = 0 } = rows[0] ?? {};
  return {
    numbers: new Set(numbers.map((row) => row.number)),
    effects: numbers.length,
    successes,
    executions,
    runs,
    lost,
  };
}
