import {
  bearerToken,
  isLoopbackAddress,
  isSameSecret,
  operationsAccess,
  type OperationsAccess,
  type OperationsRole,
  type OperationsToken,
} from '@clearway/kernel';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { sendProblem } from './problems.ts';

/**
 * Who may use an operation: anyone who reaches the port, a sender of telemetry, an operator or the reporter of the job that
 * the path names, a scheduler with the secret of all schedulers, or a caller with a role.
 */
export type Access = 'public' | 'sender' | 'reporter' | 'scheduler' | OperationsRole;

/** A token that can do nothing but report runs of one job. */
export interface ReportToken {
  readonly jobId: string;
  readonly token: string;
}

/** All tokens of the operations API. */
export interface AccessTokens {
  readonly operations: readonly OperationsToken[];
  readonly reports: readonly ReportToken[];
  /** `CRON_SECRET`; without it no scheduler is let in. */
  readonly scheduler?: string | undefined;
}

/**
 * Refuses callers who may not use an operation, and remembers the role of the others.
 *
 * @example
 * app.get('/api/traces', requireAccess('viewer', tokens), listTraces);
 */
export function requireAccess(needed: Access, tokens: AccessTokens): RequestHandler {
  return function requireOperationsAccess(req: Request, res: Response, next: NextFunction): void {
    if (needed === 'reporter' && isReporter(req, tokens.reports)) return next();
    if (needed === 'scheduler') return requireScheduler(req, res, tokens.scheduler, next);
    const access = accessOf(req, needed, tokens.operations);
    const needsOperator = needed === 'operator' || needed === 'reporter';
    if ('role' in access && !(needsOperator && access.role !== 'operator')) {
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

const LONGEST_ACTOR = 100;

/** Who made a change, for the audit: the role, and the name that the caller gave in `Clearway-Actor`. */
export function actorOf(req: Request, res: Response): string {
  const role = roleOf(res) ?? 'reporter';
  const name = (req.get('clearway-actor') ?? '')
    .replaceAll(/[^\x20-\x7e]/g, '')
    .trim()
    .slice(0, LONGEST_ACTOR);
  return name === '' ? role : `${role} (${name})`;
}

function requireScheduler(req: Request, res: Response, secret: string | undefined, next: NextFunction): void {
  const presented = bearerToken(req.headers.authorization);
  if (secret === undefined) {
    const remedy = 'Set CRON_SECRET where the worker runs, at least 16 characters.';
    return sendProblem(res, 'auth_forbidden', { detail: 'Schedulers are not let in: there is no secret.', remedy });
  }
  if (presented !== undefined && isSameSecret(secret, presented)) return next();
  if (presented !== undefined) return sendProblem(res, 'auth_invalid', { detail: 'This is not the CRON_SECRET.' });
  res.set('www-authenticate', 'Bearer realm="clearway"');
  sendProblem(res, 'auth_missing', { detail: 'Send Authorization: Bearer with the CRON_SECRET.' });
}

/** Whether the caller has the token of the job that the path names. */
function isReporter(req: Request, tokens: readonly ReportToken[]): boolean {
  const presented = bearerToken(req.headers.authorization);
  const { jobId } = req.params;
  if (presented === undefined) return false;
  // all are compared, so that the time says nothing of which came close
  return tokens.filter((each) => isSameSecret(each.token, presented) && each.jobId === jobId).length > 0;
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
