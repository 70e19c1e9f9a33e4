import type { FailureGroup } from './case.ts';
import { clientAborts } from './client-aborts.ts';
import { connectionFailures } from './connection-failures.ts';
import { malformedAnswers } from './malformed-answers.ts';
import { requestFailures } from './request-failures.ts';
import { routingFailures } from './routing-failures.ts';
import { upstreamFailures } from './upstream-failures.ts';

/** The failure matrix: every way in which a request can fail. Each group has a gateway process; that of requests has short time limits. */
export const FAILURE_MATRIX: readonly FailureGroup[] = [
  requestFailures,
  // the first names its routes by their number
  together(routingFailures, malformedAnswers, upstreamFailures, connectionFailures, clientAborts),
];

/** Groups that can share a process. */
function together(first: FailureGroup, ...others: readonly FailureGroup[]): FailureGroup {
  const groups = [first, ...others];
  return {
    ...groups.reduce((all, group) => ({ ...all, ...group }), first),
    name: groups.map(({ name }) => name).join(', '),
    cases: groups.flatMap(({ cases }) => cases),
  };
}
