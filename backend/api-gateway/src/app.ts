import { readTarget, type Gateway } from '@clearway/gateway';
import type { OperationsToken } from '@clearway/kernel';
import express, { type Express, type Request, type Response } from 'express';
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
    const { url } = req;
    const path = pathOf(url);
    if (!reserved.isReserved(path)) return gateway.handler(req, res);
    req.url = path.slice(configuration.server.healthPrefix.length) + queryOf(url);
    health(req, res, (error?: unknown) => refuse(res, error));
  });
  return app;
}

const PERHAPS_NOT_NORMAL = /[%.]|\/\//;

/** The path as the routes see it: an own path must not be reached through them under another spelling. */
function pathOf(url: string): string {
  const written = url.slice(0, url.length - queryOf(url).length);
  if (!PERHAPS_NOT_NORMAL.test(written)) return written;
  const target = readTarget(url);
  // what cannot be normalised is no own path: the gateway refuses it and says why
  return 'path' in target ? target.path : '';
}

function queryOf(url: string): string {
  const mark = url.indexOf('?');
  return mark === -1 ? '' : url.slice(mark);
}

/** An own path was asked for in a way that none of its handlers takes. */
function refuse(res: Response, error: unknown): void {
  if (error === undefined) sendProblem(res.set('allow', 'GET, HEAD'), 'method_not_allowed');
  else sendProblem(res, error instanceof URIError ? 'request_invalid' : 'internal');
}
