import type { InvalidParameter } from '@clearway/contracts';
import { PROBLEM_MEDIA_TYPE, problemDocument, type FailureReason } from '@clearway/kernel';
import { activeRecord } from '@clearway/telemetry';
import type { Response } from 'express';

/** What of a problem document is not that of its failure class. */
export interface ProblemDetails {
  readonly status?: number;
  readonly title?: string;
  readonly detail?: string;
  readonly remedy?: string;
  readonly invalidParameters?: readonly InvalidParameter[];
}

/** The failure classes speak of the gateway: this is what they mean at the operations API. */
const WORDS: Partial<Record<FailureReason, Pick<ProblemDetails, 'title' | 'remedy'>>> = {
  route_not_found: { title: 'There is no such operation', remedy: 'See /api/docs.' },
  method_not_allowed: {
    title: 'The operation does not take this method',
    remedy: 'Use a method that the Allow header names.',
  },
  internal: { title: 'The worker failed', remedy: 'Report the trace id: the worker recorded the cause.' },
};

/** Answers with a problem document, joined to the request's trace when it has one. */
export function sendProblem(res: Response, reason: FailureReason, details: ProblemDetails = {}): void {
  const record = activeRecord();
  const ids = record && { traceId: record.traceId, requestId: record.requestId };
  const problem = { ...problemDocument(reason, { detail: details.detail, ...ids }), ...WORDS[reason], ...details };
  if (problem.status >= 500) record?.fail(reason, details.detail);
  res.status(problem.status).set('content-type', PROBLEM_MEDIA_TYPE).end(JSON.stringify(problem));
}
