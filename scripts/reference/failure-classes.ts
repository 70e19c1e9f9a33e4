import { FAILURE_REASONS, failureFacts, REFUSALS } from '@clearway/kernel';
import { code, markdownTable, page } from './markdown.ts';

const INTRODUCTION = `Every way in which a request can fail has one name. It is the span's \`error.type\`, the metric label \`reason\`,
the log field \`reason\`, the \`reason\` of the problem document and the header \`Clearway-Reason\`. Names are never reused.
The owner decides who is paged: only what the client does not own is reported as an error. An upstream's own answer
passes unchanged, with its status.`;

/** docs/reference/failure-classes.md */
export function failureClassesPage(): string {
  const rows = FAILURE_REASONS.map((reason) => {
    const { owner, status, title, remedy } = failureFacts(reason);
    return [code(reason), owner, String(status), title, remedy];
  });
  const table = markdownTable(['Class', 'Owner', 'Status', 'What happened', 'What to do'], rows);
  const refusals = `Refusals, which the error tracker counts by route: ${[...REFUSALS].map(code).join(', ')}.`;
  return page('Failure classes', INTRODUCTION, table, refusals);
}
