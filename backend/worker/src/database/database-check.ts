import type { Database } from '@clearway/database';
import type { HealthCheck } from '@clearway/kernel';

const TIMEOUT_MS = 1000;

/** What is used of a connection of the pool. */
interface Connection {
  on(event: 'error' | 'end', listener: () => void): unknown;
  query(text: string): Promise<unknown>;
  release(destroy?: boolean): void;
}

/** A health check that holds a connection open. */
export interface OpenHealthCheck extends HealthCheck {
  close(): void;
}

/**
 * Whether PostgreSQL answers, over one connection that stays open: when it breaks, `onLost` is called at once, so that
 * health need not wait for the next look.
 *
 * @param connectionString for the target that operators are shown
 */
export function databaseCheck(database: Database, connectionString: string, onLost: () => void): OpenHealthCheck {
  const { hostname, port } = new URL(connectionString);
  let connection: Connection | undefined;
  let opening: Promise<Connection> | undefined;
  let closed = false;

  const drop = (lost: Connection): void => {
    if (connection !== lost) return;
    connection = undefined;
    lost.release(true);
    if (!closed) onLost();
  };
  const open = async (): Promise<Connection> => {
    const fresh: Connection = await database.pool.connect();
    fresh.on('error', () => drop(fresh));
    fresh.on('end', () => drop(fresh));
    if (closed) fresh.release(true);
    else connection = fresh;
    return fresh;
  };
  return {
    id: 'database',
    required: true,
    timeoutMs: TIMEOUT_MS,
    target: `${hostname}:${port || '5432'}`,
    async probe(signal) {
      const current = connection ?? (await (opening ??= open().finally(() => (opening = undefined))));
      // a server that hangs: the connection is of no use any more
      const give = (): void => drop(current);
      signal.addEventListener('abort', give, { once: true });
      try {
        await current.query('SELECT 1');
      } catch (error) {
        drop(current);
        throw error;
      } finally {
        signal.removeEventListener('abort', give);
      }
    },
    close() {
      closed = true;
      if (connection) drop(connection);
    },
  };
}
