import type { Database } from '@clearway/database';
import { heldConnectionCheck, type OpenHealthCheck } from '@clearway/kernel';

/** Whether PostgreSQL answers, over one connection of the pool. */
export function databaseCheck(database: Database, connectionString: string, onLost: () => void): OpenHealthCheck {
  return heldConnectionCheck(connectionString, onLost, async (whenLost) => {
    const connection = await database.pool.connect();
    connection.on('error', whenLost);
    connection.on('end', whenLost);
    return { ping: () => connection.query('SELECT 1'), end: () => connection.release(true) };
  });
}
