import { normalisePath, type Gateway } from '@clearway/gateway';
import type { OperationsToken } from '@clearway/kernel';
import express, { type Express, type Request } from 'express';
import { accessOf, sendProblem } from './admin/access.ts';
import { healthRouter, type HealthSources } from './health/health-router.ts';

/** What the public app is made of. */
export interface AppDependencies extends HealthSources {
  readonly gateway: Gateway;
  readonly tokens: readonly OperationsToken[];
}

/** The app of the public listener: the gateway's own health paths, then the data plane. Does not listen. */
export function buildApp(deps: AppDependencies): Express {
  const { gateway, readiness, tokens } = deps;
  const app = express();
  app.disable('x-powered-by').disable('etag');
  // Whoever may see details has shown a token: on this port loopback alone proves nothing, balancers stand there too.
  const showDetails = (req: Request): boolean => {
    const access = tokens.length > 0 ? accessOf(req, tokens) : undefined;
    return access !== undefined && 'role' in access && access.role === 'operator';
  };
  const health = healthRouter(deps, showDetails);
  app.use((req, res) => {
    if (readiness.state === 'draining') res.shouldKeepAlive = false;
    const { reserved, configuration } = gateway.runtime;
    const mark = req.url.indexOf('?');
    const path = normalForm(mark === -1 ? req.url : req.url.slice(0, mark));
    if (!reserved.isReserved(path)) return gateway.handler(req, res);
    req.url = path.slice(configuration.server.healthPrefix.length) + (mark === -1 ? '' : req.url.slice(mark));
    health(req, res, () => sendProblem(res.set('allow', 'GET, HEAD'), 'method_not_allowed'));
  });
  return app;
}

const PERHAPS_NOT_NORMAL = /[%.]|\/\//;

/** The path as the routes see it: an own path must not be reached through them under another spelling. */
function normalForm(path: string): string {
  if (!PERHAPS_NOT_NORMAL.test(path)) return path;
  const normal = normalisePath(path);
  return 'path' in normal ? normal.path : path;
}
