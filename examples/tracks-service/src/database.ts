import { monitorPool, queryTags } from '@clearway/telemetry';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from './generated/client.ts';

/** The service's database. */
export type Database = PrismaClient;

/**
 * Opens the database; nothing is connected before the first query. Its pool is in the metrics, and each query carries
 * the route and trace that issue it, for whoever looks at PostgreSQL's sessions.
 */
export function openDatabase(connectionString: string): Database {
  const pool = new pg.Pool({
    connectionString,
    application_name: 'tracks-service',
    max: 10,
    connectionTimeoutMillis: 5000,
    // required: the adapter stores timestamps wrongly in any other time zone. pg-pool waits for the promise.
    // eslint-disable-next-line @typescript-eslint/no-misused-promises
    onConnect: (client) => client.query("SET TIME ZONE 'UTC'; SET statement_timeout = 10000"),
  });
  // a client on its way from the pool to a query has no listener for a moment: an error there would end the process
  pool.on('connect', (client) => client.on('error', () => {}));
  // Prisma makes spans of its queries itself
  monitorPool('prisma', pool, { queries: false });
  return new PrismaClient({ adapter: new PrismaPg(pool, { disposeExternalPool: true }), comments: [queryTags] });
}
