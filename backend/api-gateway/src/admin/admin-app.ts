import type { Gateway } from '@clearway/gateway';
import { ConfigurationError, type OperationsToken } from '@clearway/kernel';
import type { Logs, Metrics } from '@clearway/telemetry';
import express, { type ErrorRequestHandler, type Express, type Response } from 'express';
import { z } from 'zod';
import type { ActiveConfiguration } from '../config/configuration.ts';
import { healthRouter, type HealthSources } from '../health/health-router.ts';
import { requireAccess, roleOf, sendProblem } from './access.ts';
import type { FlightRecorder } from '../flight-recorder/flight-recorder.ts';
import type { RecentRecords } from './recent-records.ts';
import { upstreamList } from '../upstreams/upstream-list.ts';

/** What the admin listener shows and changes. */
export interface AdminDependencies extends HealthSources {
  readonly tokens: readonly OperationsToken[];
  readonly metrics: Metrics;
  readonly logs: Logs;
  readonly records: RecentRecords;
  readonly flight: Pick<FlightRecorder, 'lastWords'>;
  readonly active: ActiveConfiguration;
  /** Replaced at each reload. */
  readonly gateway: Pick<Gateway, 'runtime'>;
}

const LEVELS = ['error', 'warn', 'info', 'debug'] as const;
const levelBody = z.strictObject({ level: z.enum(LEVELS) });
const recordsQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(50),
  route: z.string().optional(),
  reason: z.string().optional(),
});
const lastWordsQuery = z.strictObject({
  processes: z.coerce.number().int().min(1).max(5).default(1),
  records: z.coerce.number().int().min(0).max(1024).default(50),
});

/** The app of the admin listener: metrics, health, configuration, recent records. Does not listen. */
export function buildAdminApp(deps: AdminDependencies): Express {
  const app = express();
  app.disable('x-powered-by').disable('etag');
  app.use((_req, res, next) => {
    res.set({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
    next();
  });
  // probes come without tokens; what they may see is decided below
  app.get(
    ['/livez', '/readyz', '/startupz'],
    healthRouter(deps, () => false),
  );
  app.use(requireAccess(deps.tokens));
  app.use(healthRouter(deps, (req) => req.res !== undefined && roleOf(req.res) === 'operator'));
  app.get('/metrics', async (_req, res) => {
    const text = await deps.metrics.render();
    res.set('content-type', deps.metrics.contentType).end(text);
  });
  app.use('/api/gateway', express.json({ limit: '16kb' }), gatewayRouter(deps));
  app.use((_req, res) => sendProblem(res, 'route_not_found', 'There is no such operation.'));
  app.use(answerError(deps.logs));
  return app;
}

function gatewayRouter({ active, flight, gateway, logs, records }: AdminDependencies): express.Router {
  const router = express.Router();
  router.get('/configuration', (_req, res) => void res.json(active.describe()));
  router.post('/reload', (_req, res) => reload(active, res));
  router.get('/log-level', (_req, res) => void res.json({ level: logs.logger.level }));
  router.put('/log-level', (req, res) => {
    const parsed = levelBody.safeParse(req.body);
    if (!parsed.success) return sendProblem(res, 'request_invalid', `Send {"level": "${LEVELS.join('|')}"}.`);
    logs.setLevel(parsed.data.level);
    res.json({ level: logs.logger.level });
  });
  router.get('/records', (req, res) => {
    const parsed = recordsQuery.safeParse(req.query);
    if (!parsed.success) return sendProblem(res, 'request_invalid', z.prettifyError(parsed.error));
    const { limit, route, reason } = parsed.data;
    const showCause = roleOf(res) === 'operator';
    res.json({ records: records.list({ limit, showCause, ...(route && { route }), ...(reason && { reason }) }) });
  });
  router.get('/upstreams', (_req, res) => {
    res.json(upstreamList(gateway.runtime.upstreams, roleOf(res) === 'operator'));
  });
  router.get('/last-words', (req, res) => {
    const parsed = lastWordsQuery.safeParse(req.query);
    if (!parsed.success) return sendProblem(res, 'request_invalid', z.prettifyError(parsed.error));
    res.json({ processes: flight.lastWords({ ...parsed.data, showCause: roleOf(res) === 'operator' }) });
  });
  return router;
}

async function reload(active: ActiveConfiguration, res: Response): Promise<void> {
  try {
    await active.reload('operator');
    res.json(active.describe());
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    sendProblem(res, 'request_invalid', `The old configuration stays active. ${error.message}`);
  }
}

function answerError(logs: Logs): ErrorRequestHandler {
  return (error: { status?: number; message?: string }, _req, res, next) => {
    if (res.headersSent) return next(error);
    if (error.status !== undefined && error.status < 500) {
      return sendProblem(res, 'request_invalid', 'The request could not be read.');
    }
    logs.logger.error('admin request failed', { error });
    sendProblem(res, 'internal');
  };
}
