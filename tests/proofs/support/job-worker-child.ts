// A process that runs jobs: killed, started again and killed by what starts it.
import { startJobs } from '@clearway/jobs';
import { z } from 'zod';
import { silent } from './silent.ts';
import { transferJob } from './transfers.ts';

const settings = z
  .object({
    connectionString: z.string(),
    heartbeatSeconds: z.number(),
    concurrency: z.number(),
    workMs: z.number(),
  })
  .parse(JSON.parse(process.argv[2] ?? '{}'));

await startJobs({
  connectionString: settings.connectionString,
  service: 'proof',
  jobs: [transferJob(settings)],
  log: silent,
  times: { heartbeatSeconds: settings.heartbeatSeconds, superviseSeconds: 1, pollMs: 500, signMs: 1000 },
});
process.send?.('started');
