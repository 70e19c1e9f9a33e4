import {
  isLoopbackAddress,
  operationsAccess,
  type OperationsAccess,
  type OperationsRole,
  type OperationsToken,
} from '@clearway/kernel';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { sendProblem } from './problems.ts';

/** Who may use an operation: anyone who reaches the port, a sender of telemetry, or a caller with a role. */
export type Access = 'public' | 'sender' | OperationsRole;

/**
 * Refuses callers who may not use an operation, and remembers the role of the others.
 *
 * @example
 * app.get('/api/traces', requireAccess('viewer', tokens), listTraces);
 */
export function requireAccess(needed: Access, tokens: readonly OperationsToken[]): RequestHandler {
  return function requireOperationsAccess(req: Request, res: Response, next: NextFunction): void {
    const access = accessOf(req, needed, tokens);
    if ('role' in access && !(needed === 'operator' && access.role !== 'operator')) {
      (res.locals as { role?: OperationsRole }).role = access.role;
      return next();
    }
    if ('role' in access) return sendProblem(res, 'auth_forbidden', { detail: 'This needs an operator.' });
    if (access.refused === 'auth_missing') res.set('www-authenticate', 'Bearer realm="clearway"');
    sendProblem(res, access.refused, { detail: access.detail });
  };
}

/** The role that `requireAccess` found. */
export function roleOf(res: Response): OperationsRole | undefined {
  return (res.locals as { role?: OperationsRole }).role;
}

function accessOf(req: Request, needed: Access, tokens: readonly OperationsToken[]): OperationsAccess {
  const caller = {
    authorization: req.headers.authorization,
    host: req.headers.host,
    origin: req.headers.origin,
    secFetchSite: req.get('sec-fetch-site'),
  };
  if (needed === 'public' && tokens.length > 0) return { role: 'viewer' };
  // services on this machine send their spans without a token
  const withoutToken = needed === 'sender' && caller.authorization === undefined && isFromThisMachine(req);
  return operationsAccess(caller, withoutToken ? [] : tokens);
}

/** Whether the caller itself is on this machine, and no proxy that speaks for somebody else. */
function isFromThisMachine(req: Request): boolean {
  const isForwarded = ['forwarded', 'x-forwarded-for', 'via'].some((name) => req.headers[name] !== undefined);
  return !isForwarded && isLoopbackAddress(req.socket.remoteAddress ?? '');
}
