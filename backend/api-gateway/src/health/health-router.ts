import { healthDocument, problemDocument, PROBLEM_MEDIA_TYPE, type HealthRegistry } from '@clearway/kernel';
import { Router, type Request, type Response } from 'express';
import type { Readiness } from './readiness.ts';

/** What the health endpoints answer from. */
export interface HealthSources {
  readonly health: HealthRegistry;
  readonly readiness: Readiness;
  readonly environment: string;
  readonly version: string;
}

/**
 * `/livez`, `/readyz`, `/startupz`, `/api/health` and `/api/health/<service>`.
 *
 * @param showDetails whether a caller may see hosts and error texts
 */
export function healthRouter(sources: HealthSources, showDetails: (req: Request) => boolean): Router {
  const { health, readiness } = sources;
  const router = Router();
  const state = (isUp: boolean) => (_req: Request, res: Response) => {
    res.status(isUp ? 200 : 503).json({ status: readiness.state });
  };
  router.get('/livez', state(true));
  router.get('/readyz', (req, res) => state(readiness.state === 'ready')(req, res));
  router.get('/startupz', (req, res) => state(readiness.state !== 'starting')(req, res));
  router.get(['/api/health', '/api/health/:service'], async (req, res) => {
    const { service } = req.params as { service?: string };
    if (service !== undefined && !health.ids().includes(service)) return unknownService(res, health.ids());
    const quick = req.query['quick'] === 'true';
    const report = await health.report({ quick, ...(service !== undefined && { only: [service] }) });
    const { statusCode, document } = healthDocument(report, {
      showDetails: showDetails(req),
      nowMs: Date.now(),
      uptimeSeconds: process.uptime(),
      environment: sources.environment,
      version: sources.version,
    });
    res.status(statusCode).set('cache-control', 'no-store').json(document);
  });
  return router;
}

function unknownService(res: Response, known: readonly string[]): void {
  const detail = `There is no check of that name; there are: ${known.join(', ') || 'none'}.`;
  res
    .status(404)
    .type(PROBLEM_MEDIA_TYPE)
    .send(JSON.stringify(problemDocument('route_not_found', { detail })));
}
