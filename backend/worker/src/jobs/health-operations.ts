import {
  jobBaselineSchema,
  jobChangeSchema,
  jobHealthSchema,
  jobIdSchema,
  type JobHealthDocument,
} from '@clearway/contracts';
import { audit, changeBaseline, readBaselines, type KeptBaseline } from '@clearway/jobs';
import { z } from 'zod';
import { actorOf } from '../operations/access.ts';
import { jsonAnswer, problemAnswer, REFUSALS } from '../operations/documentation.ts';
import type { Operation } from '../operations/operation.ts';
import { sendProblem } from '../operations/problems.ts';
import { operation } from './job-operation.ts';
import type { JobsPort } from './jobs-port.ts';
import type { JobsSeen, JobsWatch } from './watch-jobs.ts';

const ofJob = z.object({ jobId: jobIdSchema });

/** How jobs stand, and what is usual for them. */
export function jobHealthOperations(port: JobsPort, watch: JobsWatch): Operation[] {
  return [
    healthOperation(watch),
    operation(port, {
      method: 'get',
      access: 'viewer',
      path: '/api/jobs/{jobId}/baseline',
      summary: 'What is usual for a job, and how its last runs stand against it',
      pathSchema: ofJob,
      answers: jobBaselineSchema,
      work: async ({ connections }, { path }) => {
        const [baseline] = await readBaselines(connections, path.jobId);
        return baseline && shown(baseline);
      },
    }),
    changeOperation(port, 'accept', 'Take the present durations of a job as its new usual'),
    changeOperation(port, 'relearn', 'Forget what is usual for a job, and learn it anew'),
  ];
}

function changeOperation(port: JobsPort, change: 'accept' | 'relearn', summary: string): Operation {
  return operation(port, {
    method: 'post',
    access: 'operator',
    bodyLimitBytes: 64 * 1024,
    path: `/api/jobs/{jobId}/baseline/${change}`,
    summary,
    pathSchema: ofJob,
    bodySchema: jobChangeSchema,
    answers: jobBaselineSchema,
    work: ({ connections }, { path, body, req, res }) =>
      connections.transaction(async (sql) => {
        if (!(await changeBaseline(sql, path.jobId, change))) return undefined;
        const who = { actor: actorOf(req, res), reason: body.reason };
        await audit(sql, who, `baseline.${change}`, `job:${path.jobId}`);
        const [baseline] = await readBaselines(sql, path.jobId);
        return baseline && shown(baseline);
      }),
  });
}

function shown(baseline: KeptBaseline) {
  const { sinceAt, updatedAt } = baseline;
  return { ...baseline, sinceAt: sinceAt && sinceAt.toISOString(), updatedAt: updatedAt.toISOString() };
}

function healthOperation(watch: JobsWatch): Operation {
  return {
    method: 'get',
    path: '/api/health/jobs',
    access: 'viewer',
    recorded: false,
    documentation: {
      summary: 'How each job stands: healthy, late, failing, slow, silent or suspicious, with the reasons',
      description: 'Answered from memory, also while the database is down: `at` says from when.',
      tags: ['jobs'],
      responses: {
        '200': jsonAnswer('What was last found out.', jobHealthSchema),
        '503': problemAnswer('The database has not answered since the worker started.'),
        ...REFUSALS,
      },
    },
    handle: (_req, res) => {
      const seen = watch.seen();
      if (seen) return void res.json(documentOf(seen));
      sendProblem(res.set('retry-after', '5'), 'overloaded', {
        status: 503,
        title: 'Jobs have not been looked at yet',
        detail: 'The worker waits for its database.',
      });
    },
  };
}

function documentOf({ at, judged }: JobsSeen): JobHealthDocument {
  return {
    status: judged.every(({ state }) => state === 'healthy') ? 'healthy' : 'degraded',
    at: at.toISOString(),
    jobs: judged.map(({ jobId, state, isPaused, reasons, nextDueAtMs, failuresInRow }) => ({
      jobId,
      state,
      isPaused,
      nextDueAt: nextDueAtMs === null ? null : new Date(nextDueAtMs).toISOString(),
      failuresInRow,
      reasons: reasons.map(({ sinceMs, ...reason }) => ({ ...reason, since: new Date(sinceMs).toISOString() })),
    })),
  };
}
