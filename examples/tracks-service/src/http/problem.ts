import type { NextFunction, Request, Response } from 'express';

/** What is wrong with one part of a request. */
export interface InvalidPart {
  /** Such as `title` or `query.limit`. */
  readonly path: string;
  readonly message: string;
}

/** A request that cannot be answered as it was asked: becomes a problem document (RFC 9457). */
export class Problem extends Error {
  readonly status: number;
  readonly type: string;
  readonly errors: readonly InvalidPart[];

  /**
   * @param type what kind of problem, with underscores
   * @param detail shown to the client
   */
  constructor(status: number, type: string, detail: string, errors: readonly InvalidPart[] = []) {
    super(detail);
    this.name = 'Problem';
    this.status = status;
    this.type = type;
    this.errors = errors;
  }
}

/** There is no such thing. */
export const notFound = (what: string): Problem => new Problem(404, 'not_found', `there is no such ${what}`);

/** The request is not valid; every fault at once. */
export const invalid = (errors: readonly InvalidPart[]): Problem =>
  new Problem(400, 'request_invalid', 'the request is not valid', errors);

/** Answers a `Problem`; other errors go on to the error handler of the telemetry. */
export function problemHandler(error: unknown, _request: Request, response: Response, next: NextFunction): void {
  if (!(error instanceof Problem) || response.headersSent) return next(error);
  const { status, type, message, errors } = error;
  response
    .status(status)
    .type('application/problem+json')
    .json({
      type: `urn:tracks:problem:${type}`,
      title: type.replaceAll('_', ' '),
      status,
      detail: message,
      ...(errors.length > 0 && { errors }),
      traceId: response.getHeader('Trace-Id'),
    });
}
