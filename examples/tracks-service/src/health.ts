import { Router } from 'express';
import type { Database } from './database.ts';

const PROBE_LIMIT_MS = 1000;

/** What decides whether the service takes requests. */
export interface Readiness {
  readonly database: Database;
  readonly draining: () => boolean;
}

/** `/livez` says that the process answers, `/readyz` that it can serve requests. */
export function healthRoutes({ database, draining }: Readiness): Router {
  const router = Router();
  router.get('/livez', (_request, response) => void response.json({ status: 'up' }));
  router.get('/readyz', async (_request, response) => {
    const reason = draining() ? 'draining' : await databaseProblem(database);
    response
      .status(reason === undefined ? 200 : 503)
      .json(reason === undefined ? { status: 'ready' } : { status: reason });
  });
  return router;
}

async function databaseProblem(database: Database): Promise<string | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve('database does not answer'), PROBE_LIMIT_MS);
  });
  const probe = database.$queryRaw`SELECT 1`.then(
    () => undefined,
    () => 'database is down',
  );
  return Promise.race([probe, limit]).finally(() => clearTimeout(timer));
}
