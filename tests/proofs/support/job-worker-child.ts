// A process that runs jobs: killed, started again and killed by what starts it.
import { setTimeout as sleep } from 'node:timers/promises';
import { defineJob, startJobs } from '@clearway/jobs';
import { z } from 'zod';
import { silent } from './silent.ts';

const settings = z
  .object({
    connectionString: z.string(),
    heartbeatSeconds: z.number(),
    concurrency: z.number(),
    /** How long each run takes, in milliseconds. */
    workMs: z.number(),
  })
  .parse(JSON.parse(process.argv[2] ?? '{}'));

/** Adds a row when it succeeds: the effect that must happen exactly once. */
const transfer = defineJob({
  id: 'transfer',
  input: z.object({ number: z.int() }),
  retries: 50,
  backoff: { minMs: 1000, maxMs: 2000 },
  concurrency: settings.concurrency,
  timeoutMs: 30_000,
  idempotencyKey: ({ number }) => `transfer-${number}`,
  run: async ({ number }, { effect, signal, runId }) => {
    await sleep(settings.workMs * (0.5 + Math.random()), undefined, { signal });
    effect((sql) => sql.query('INSERT INTO transfers (number, run_id) VALUES ($1, $2)', [number, runId]));
  },
});

await startJobs({
  connectionString: settings.connectionString,
  service: 'proof',
  jobs: [transfer],
  log: silent,
  times: { heartbeatSeconds: settings.heartbeatSeconds, superviseSeconds: 1, pollMs: 500, signMs: 1000 },
});
process.send?.('started');
