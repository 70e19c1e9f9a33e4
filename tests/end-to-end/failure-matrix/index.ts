import type { FailureGroup } from './case.ts';
import { clientAborts } from './client-aborts.ts';
import { connectionFailures } from './connection-failures.ts';
import { malformedAnswers } from './malformed-answers.ts';
import { requestFailures } from './request-failures.ts';
import { routingFailures } from './routing-failures.ts';
import { upstreamFailures } from './upstream-failures.ts';

/** The failure matrix: every way in which a request can fail, each with one gateway process a group. */
export const FAILURE_MATRIX: readonly FailureGroup[] = [
  routingFailures,
  requestFailures,
  malformedAnswers,
  upstreamFailures,
  connectionFailures,
  clientAborts,
];
