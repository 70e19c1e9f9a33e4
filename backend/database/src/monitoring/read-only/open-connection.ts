import pg from 'pg';
import { breakConnection } from '../../break-connection.ts';

const CONNECT_TIMEOUT_MS = 5000;
/** For the batch under way, which is worth keeping. */
const GRACE_MS = 1000;

/**
 * Opens a connection for one look at a watched database. The caller ends it, or the signal does: at once while it is being
 * opened, and after a second when a query is under way. A server that says nothing any more holds nobody up.
 *
 * @param applicationName shown in pg_stat_activity
 */
export async function openConnection(
  connectionString: string,
  applicationName: string,
  signal?: AbortSignal,
): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString,
    application_name: applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  client.on('error', () => {}); // a connection that breaks also fails the query in progress
  let timer: NodeJS.Timeout | undefined;
  let graceMs = 0;
  const give = (): void => {
    timer = setTimeout(() => breakConnection(client), graceMs);
  };
  client.once('end', () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', give);
  });
  signal?.addEventListener('abort', give, { once: true });
  if (signal?.aborted) give();
  await client.connect();
  graceMs = GRACE_MS;
  return client;
}
