import {
  deadLetterGroupListSchema,
  deadLetterGroupQuerySchema,
  deadLetterListSchema,
  deadLetterQuerySchema,
  deadLetterSchema,
  replayListSchema,
  replayQuerySchema,
  replaySchema,
} from '@clearway/contracts';
import { listDeadLetterGroups, listDeadLetters, listReplays, readDeadLetter, readReplay } from '@clearway/jobs';
import { operation, type JobOperation } from '../jobs/job-operation.ts';
import type { JobsPort } from '../jobs/jobs-port.ts';
import type { Operation } from '../operations/operation.ts';
import { OperatorsOnly } from '../operations/operators-only.ts';
import type { TraceLink } from '../traces/trace-operations.ts';
import { changingOperations } from './changing-operations.ts';
import { exportOperation } from './export-operation.ts';
import { ofLetter, ofReplay } from './paths.ts';
import { maySeeData, shownGroup, shownLetter, shownSummary } from './redact.ts';

/** What can be asked of dead letters and done with them; the paths with names stand before those with ids. */
export function deadLetterOperations(port: JobsPort, link: TraceLink): Operation[] {
  return [
    ...listingOperations(port, link),
    exportOperation(port),
    ...replayOperations(port),
    ...changingOperations(port),
    letterOperation(port, link),
  ];
}

const READ = { method: 'get', access: 'viewer', tag: 'dead-letters' } as const satisfies Partial<
  JobOperation<never, never, never>
>;

function listingOperations(port: JobsPort, link: TraceLink): Operation[] {
  return [
    operation(port, {
      ...READ,
      path: '/api/dead-letters',
      summary: 'Events that failed for good, newest first',
      description: 'All conditions must hold. Messages of errors are shown to operators only.',
      querySchema: deadLetterQuerySchema,
      answers: deadLetterListSchema,
      work: async (jobs, { query, res }) => {
        const isOperator = maySeeData(res);
        // whoever may search for a text can guess it letter by letter
        if (query.text !== undefined && !isOperator) throw new OperatorsOnly('Only operators may search in errors.');
        const page = await listDeadLetters(jobs.connections, query);
        return { ...page, deadLetters: page.deadLetters.map((each) => shownSummary(each, isOperator, link)) };
      },
    }),
    operation(port, {
      ...READ,
      path: '/api/dead-letters/groups',
      summary: 'Dead letters by how they failed, the group that was seen last first',
      description:
        'Letters whose errors have the same shape are a group: the same job, kind of error and place in the code.',
      querySchema: deadLetterGroupQuerySchema,
      answers: deadLetterGroupListSchema,
      work: async (jobs, { query, res }) => {
        const page = await listDeadLetterGroups(jobs.connections, query);
        return { ...page, groups: page.groups.map((each) => shownGroup(each, maySeeData(res))) };
      },
    }),
  ];
}

function replayOperations(port: JobsPort): Operation[] {
  return [
    operation(port, {
      ...READ,
      path: '/api/dead-letters/replays',
      summary: 'Replays, newest first, with how far they are',
      querySchema: replayQuerySchema,
      answers: replayListSchema,
      work: (jobs, { query }) => listReplays(jobs.connections, query),
    }),
    operation(port, {
      ...READ,
      path: '/api/dead-letters/replays/{replayId}',
      summary: 'One replay with how far it is',
      pathSchema: ofReplay,
      answers: replaySchema,
      work: (jobs, { path }) => readReplay(jobs.connections, path.replayId),
    }),
  ];
}

function letterOperation(port: JobsPort, link: TraceLink): Operation {
  return operation(port, {
    ...READ,
    path: '/api/dead-letters/{deadLetterId}',
    summary: 'One dead letter whole: event, error, stack, tries and replays',
    description: 'The event, the error and the key are shown to operators only.',
    pathSchema: ofLetter,
    answers: deadLetterSchema,
    work: async (jobs, { path, res }) => {
      const letter = await readDeadLetter(jobs.connections, path.deadLetterId);
      return letter && shownLetter(letter, maySeeData(res), link);
    },
  });
}
