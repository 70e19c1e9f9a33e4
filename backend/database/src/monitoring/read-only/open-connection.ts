import pg from 'pg';

const CONNECT_TIMEOUT_MS = 5000;
/** Beyond every time limit of a statement: a server that says nothing any more. */
const QUERY_TIMEOUT_MS = 310_000;

/**
 * Opens a connection for one look at a watched database. The caller ends it.
 *
 * @param applicationName shown in pg_stat_activity
 */
export async function openConnection(connectionString: string, applicationName: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString,
    application_name: applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
  });
  client.on('error', () => {}); // a connection that breaks also fails the query in progress
  await client.connect();
  return client;
}
