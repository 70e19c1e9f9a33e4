import type { HealthCheck } from '@clearway/kernel';
import pg from 'pg';

const TIMEOUT_MS = 1000;

/** A health check that holds something open. */
export interface OpenHealthCheck extends HealthCheck {
  close(): Promise<void>;
}

/**
 * Whether PostgreSQL answers, over one connection that stays open: when it breaks, `onLost` is called at once, so that
 * health need not wait for the next look.
 */
export function databaseCheck(connectionString: string, onLost: () => void): OpenHealthCheck {
  const { hostname, port } = new URL(connectionString);
  let client: pg.Client | undefined;

  const drop = (lost: pg.Client): void => {
    if (client !== lost) return;
    client = undefined;
    void lost.end().catch(() => undefined);
    onLost();
  };
  const connected = async (): Promise<pg.Client> => {
    if (client) return client;
    const fresh = new pg.Client({
      connectionString,
      application_name: 'clearway-gateway-health',
      connectionTimeoutMillis: TIMEOUT_MS,
      query_timeout: TIMEOUT_MS,
    });
    fresh.on('error', () => drop(fresh));
    fresh.on('end', () => drop(fresh));
    await fresh.connect();
    client = fresh;
    return fresh;
  };

  return {
    id: 'database',
    required: true,
    timeoutMs: TIMEOUT_MS,
    target: `${hostname}:${port || '5432'}`,
    async probe() {
      const current = await connected();
      try {
        await current.query('SELECT 1');
      } catch (error) {
        drop(current);
        throw error;
      }
    },
    async close() {
      const last = client;
      client = undefined;
      await last?.end();
    },
  };
}
