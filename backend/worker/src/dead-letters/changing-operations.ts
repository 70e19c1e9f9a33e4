import {
  deadLetterMatchSchema,
  discardedSchema,
  discardRequestSchema,
  jobChangeSchema,
  replayOneSchema,
  replayRequestSchema,
  replaySchema,
} from '@clearway/contracts';
import {
  cancelReplay,
  createReplay,
  discardDeadLetter,
  discardDeadLetters,
  matchReplay,
  readReplay,
  replayDeadLetter,
  type Change,
  type Jobs,
} from '@clearway/jobs';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { operation } from '../jobs/job-operation.ts';
import type { JobsPort } from '../jobs/jobs-port.ts';
import { actorOf } from '../operations/access.ts';
import type { Operation } from '../operations/operation.ts';
import { ofLetter, ofReplay } from './paths.ts';

/** An edited event may be as long as one that is enqueued, written with spaces. */
const BODY_LIMIT_BYTES = 2 * 1024 * 1024;

const CHANGE = { method: 'post', access: 'operator', tag: 'dead-letters', bodyLimitBytes: BODY_LIMIT_BYTES } as const;

/** What an operator does with dead letters: each change is kept in the audit. */
export function changingOperations(port: JobsPort): Operation[] {
  return [...bulkOperations(port), ...singleOperations(port)];
}

interface Asked {
  readonly body: { readonly reason: string };
  readonly req: Request;
  readonly res: Response;
}

const changeOf = ({ body, req, res }: Asked): Change => ({ actor: actorOf(req, res), reason: body.reason });

function bulkOperations(port: JobsPort): Operation[] {
  return [
    operation(port, {
      ...CHANGE,
      path: '/api/dead-letters/replays',
      summary: 'Replay a group, or all letters that a filter means',
      description:
        'The letters are chosen now. A canary runs one first, then a few, then the rest, and stops when the same signature comes back. With dryRun the answer says what would be replayed.',
      bodySchema: replayRequestSchema,
      answers: z.union([replaySchema, deadLetterMatchSchema]),
      status: 202,
      work: async (jobs, given) => {
        const { dryRun, ...order } = given.body;
        if (dryRun) return match(jobs, order);
        const id = await createReplay(jobs.connections, order, changeOf(given));
        return readReplay(jobs.connections, id);
      },
    }),
    operation(port, {
      ...CHANGE,
      path: '/api/dead-letters/replays/{replayId}/cancel',
      summary: 'End a replay: what has not begun goes back to its letters',
      pathSchema: ofReplay,
      bodySchema: jobChangeSchema,
      answers: replaySchema,
      work: async (jobs, given) => {
        const { replayId } = given.path;
        const isThere = await cancelReplay(jobs.connections, replayId, changeOf(given));
        return isThere ? readReplay(jobs.connections, replayId) : undefined;
      },
    }),
    operation(port, {
      ...CHANGE,
      path: '/api/dead-letters/discard',
      summary: 'Give up a group, or all letters that a filter means',
      description: 'They are kept until their time is over. With dryRun the answer says how many it would be.',
      bodySchema: discardRequestSchema,
      answers: z.union([discardedSchema, deadLetterMatchSchema]),
      work: async (jobs, given) => {
        const { selection, dryRun } = given.body;
        if (dryRun) return match(jobs, { selection });
        return { discarded: await discardDeadLetters(jobs, selection, changeOf(given)) };
      },
    }),
  ];
}

async function match(
  jobs: Jobs,
  order: Parameters<typeof matchReplay>[1],
): Promise<z.input<typeof deadLetterMatchSchema>> {
  const { matching, inReplay, jobs: ofJobs } = await matchReplay(jobs.connections, order);
  return { matching, inReplay, jobs: ofJobs.map(({ jobId, count, problem }) => ({ jobId, count, problem })) };
}

function singleOperations(port: JobsPort): Operation[] {
  return [
    operation(port, {
      ...CHANGE,
      path: '/api/dead-letters/{deadLetterId}/replay',
      summary: 'Run one event again, if need be with another input',
      description: "Another input is checked against the job's schema, and refused with all that is wrong with it.",
      pathSchema: ofLetter,
      bodySchema: replayOneSchema,
      answers: z.object({ replayId: z.uuid(), eventId: z.uuid() }),
      status: 202,
      work: (jobs, given) => {
        const { input, retries } = given.body;
        const order = { ...(input !== undefined && { input }), ...(retries !== undefined && { retries }) };
        return replayDeadLetter(jobs, given.path.deadLetterId, order, changeOf(given));
      },
    }),
    operation(port, {
      ...CHANGE,
      path: '/api/dead-letters/{deadLetterId}/discard',
      summary: 'Give up one letter',
      pathSchema: ofLetter,
      bodySchema: jobChangeSchema,
      answers: discardedSchema,
      work: async (jobs, given) => {
        const isThere = await discardDeadLetter(jobs, given.path.deadLetterId, changeOf(given));
        return isThere ? { discarded: 1 } : undefined;
      },
    }),
  ];
}
