import type { Gateway } from '@clearway/gateway';
import type { OperationsToken } from '@clearway/kernel';
import express, { type Express, type Request } from 'express';
import { accessOf } from './admin/access.ts';
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
    const { url } = req;
    const mark = url.indexOf('?');
    const { reserved, configuration } = gateway.runtime;
    if (!reserved.isReserved(mark === -1 ? url : url.slice(0, mark))) return gateway.handler(req, res);
    req.url = url.slice(configuration.server.healthPrefix.length);
    health(req, res, () => {
      req.url = url;
      gateway.handler(req, res);
    });
  });
  return app;
}
