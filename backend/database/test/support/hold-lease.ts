import pg from 'pg';
import { acquireLease } from '../../src/index.ts';

/** Takes a lease for a second and holds on to it, until it is killed. */
const client = new pg.Client({ connectionString: process.argv[2] ?? '' });
await client.connect();
await acquireLease(client, { name: 'watch', holder: `process-${process.pid}`, ttlMs: 1000 });
process.stdout.write('held\n');
setInterval(() => {}, 1000);
