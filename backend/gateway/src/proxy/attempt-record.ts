import type { Failure } from '@clearway/kernel';
import { newSpanId, type AttemptRecord, type RequestRecord } from '@clearway/telemetry';
import type { Target } from './targets.ts';

/** Opens the record of an attempt. */
export function openAttempt(record: RequestRecord, target: Target): AttemptRecord {
  const attempt: AttemptRecord = {
    spanId: newSpanId(),
    resendCount: record.attempts.length,
    target: target.origin,
    startMs: record.elapsedMs(),
    sentMs: undefined,
    headersMs: undefined,
    endMs: undefined,
    isUploading: false,
    status: undefined,
    reason: undefined,
    cause: undefined,
  };
  record.attempts.push(attempt);
  return attempt;
}

/** The upstream has begun to answer. */
export function recordAnswer(record: RequestRecord, attempt: AttemptRecord | undefined, status: number): void {
  record.status = status;
  record.answeredMs = record.elapsedMs();
  if (attempt) {
    attempt.status = status;
    attempt.headersMs = record.answeredMs;
    if (status >= 500) attempt.reason = 'upstream_5xx';
  }
  if (status >= 500) record.fail('upstream_5xx', `the upstream answered ${status}`);
}

/** The attempt has failed; what was recorded of it first stands. */
export function recordFailure(attempt: AttemptRecord, { reason, message }: Failure, isUploading: boolean): void {
  attempt.reason ??= reason;
  attempt.cause ??= message;
  attempt.isUploading = isUploading;
}
