import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from './generated/client.ts';

/** The service's database. */
export type Database = PrismaClient;

/** Opens the database; nothing is connected before the first query. */
export function openDatabase(connectionString: string): Database {
  const adapter = new PrismaPg({
    connectionString,
    application_name: 'tracks-service',
    max: 10,
    connectionTimeoutMillis: 5000,
    // required: the adapter stores timestamps wrongly in any other time zone. pg-pool waits for the promise.
    // eslint-disable-next-line @typescript-eslint/no-misused-promises
    onConnect: (client) => client.query("SET TIME ZONE 'UTC'; SET statement_timeout = 10000"),
  });
  return new PrismaClient({ adapter });
}
