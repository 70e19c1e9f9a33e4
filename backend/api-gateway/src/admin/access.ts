import {
  failureFacts,
  operationsAccess,
  problemDocument,
  PROBLEM_MEDIA_TYPE,
  type FailureReason,
  type OperationsRole,
  type OperationsToken,
} from '@clearway/kernel';
import type { NextFunction, Request, RequestHandler, Response } from 'express';

/** Answers with a problem document. */
export function sendProblem(res: Response, reason: FailureReason, detail?: string): void {
  const { status } = failureFacts(reason);
  res
    .status(status)
    .type(PROBLEM_MEDIA_TYPE)
    .send(JSON.stringify(problemDocument(reason, { detail })));
}

/** The access of a request to an operations listener. */
export function accessOf(req: Request, tokens: readonly OperationsToken[]) {
  return operationsAccess(
    {
      authorization: req.headers.authorization,
      host: req.headers.host,
      origin: req.headers.origin,
      secFetchSite: req.get('sec-fetch-site'),
    },
    tokens,
  );
}

/**
 * Refuses callers who may not use an operations listener. An operator may do everything, a viewer read.
 *
 * @example
 * app.use(requireAccess(env.OPERATIONS_TOKENS));
 */
export function requireAccess(tokens: readonly OperationsToken[]): RequestHandler {
  return function requireOperationsAccess(req: Request, res: Response, next: NextFunction): void {
    const access = accessOf(req, tokens);
    if ('refused' in access) {
      if (access.refused === 'auth_missing') res.set('www-authenticate', 'Bearer realm="clearway"');
      return sendProblem(res, access.refused, access.detail);
    }
    const isRead = req.method === 'GET' || req.method === 'HEAD';
    if (!isRead && access.role !== 'operator') return sendProblem(res, 'auth_forbidden', 'This needs an operator.');
    (res.locals as { role?: OperationsRole }).role = access.role;
    next();
  };
}

/** The role that `requireAccess` found. */
export function roleOf(res: Response): OperationsRole | undefined {
  return (res.locals as { role?: OperationsRole }).role;
}
