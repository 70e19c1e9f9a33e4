import { heldConnectionCheck, type OpenHealthCheck } from '@clearway/kernel';
import pg from 'pg';

const TIMEOUT_MS = 1000;

/** Whether PostgreSQL answers, over the one connection that the gateway has to it. */
export function databaseCheck(connectionString: string, onLost: () => void): OpenHealthCheck {
  return heldConnectionCheck(connectionString, onLost, async (whenLost) => {
    const client = new pg.Client({
      connectionString,
      application_name: 'clearway-gateway-health',
      connectionTimeoutMillis: TIMEOUT_MS,
      query_timeout: TIMEOUT_MS,
    });
    client.on('error', whenLost);
    client.on('end', whenLost);
    await client.connect();
    return { ping: () => client.query('SELECT 1'), end: () => void client.end().catch(() => undefined) };
  });
}
