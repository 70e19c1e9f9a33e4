import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { defineJob } from '../../src/index.ts';
import { startTestJobs } from './start.ts';

/**
 * A worker that is made to be killed. Each event of its job leaves one row in `effects` with its success, and one in
 * `begun` before it; a negative number is poison that kills the process. Arguments: connection string, job id.
 */
const [, , connectionString = '', id = ''] = process.argv;
const job = defineJob({
  id,
  input: z.object({ n: z.int() }),
  concurrency: 5,
  retries: 5,
  backoff: { minMs: 1000, maxMs: 1000 },
  run: async ({ n }, { effect }) => {
    await jobs.connections.query('INSERT INTO begun (n) VALUES ($1)', [n]);
    if (n < 0) process.kill(process.pid, 'SIGKILL');
    // so long that some go on at any moment: each kill is to hit runs
    await sleep(100);
    effect((sql) => sql.query('INSERT INTO effects (n) VALUES ($1)', [n]));
  },
});
const jobs = await startTestJobs(connectionString, [job]);
process.stdout.write('works\n');
