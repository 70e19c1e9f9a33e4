import { failureFacts, type FailureReason } from './failures.ts';

/** Media type of problem documents (RFC 9457). */
export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** The body of an answer that Clearway itself makes because something failed. */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly reason: FailureReason;
  readonly detail?: string;
  readonly remedy: string;
  readonly traceId?: string;
  readonly requestId?: string;
}

/**
 * The problem document of a failure class.
 *
 * Source: RFC 9457; `reason`, `remedy`, `traceId` and `requestId` are extension members.
 *
 * @param reason the failure class
 * @param more `detail` is shown to the client; ids join the answer to its trace and log lines; `status` instead of the class's
 * @example
 * problemDocument('route_not_found', { traceId, requestId }).status // 404
 */
export function problemDocument(
  reason: FailureReason,
  more: { detail?: string | undefined; traceId?: string; requestId?: string; status?: number } = {},
): ProblemDocument {
  const { title, remedy, ...facts } = failureFacts(reason);
  const { detail, traceId, requestId, status = facts.status } = more;
  return {
    type: `urn:clearway:problem:${reason}`,
    title,
    status,
    reason,
    ...(detail !== undefined && { detail }),
    remedy,
    ...(traceId !== undefined && { traceId }),
    ...(requestId !== undefined && { requestId }),
  };
}
