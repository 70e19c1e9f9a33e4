import {
  auditListSchema,
  auditQuerySchema,
  enqueuedSchema,
  jobChangeSchema,
  jobEventListSchema,
  jobEventQuerySchema,
  jobIdSchema,
  jobListSchema,
  jobMetricsListSchema,
  jobMetricsQuerySchema,
  jobRunListSchema,
  jobRunQuerySchema,
  jobRunSchema,
  jobSchema,
  runNowSchema,
  runReportAnswerSchema,
  runReportSchema,
} from '@clearway/contracts';
import {
  cancelEvent,
  cancelRun,
  listAudit,
  listEvents,
  listJobs,
  listRuns,
  pauseJob,
  readMetrics,
  readRun,
  reportRun,
  resumeJob,
  runJobNow,
  type Administered,
  type Change,
} from '@clearway/jobs';
import { z } from 'zod';
import { actorOf, roleOf } from '../operations/access.ts';
import type { Operation } from '../operations/operation.ts';
import type { TraceLink } from '../traces/trace-operations.ts';
import { operation } from './job-operation.ts';
import type { JobsPort } from './jobs-port.ts';

const BODY_LIMIT_BYTES = 1024 * 1024;
const REPORT_LIMIT_BYTES = 64 * 1024;

const ofJob = z.object({ jobId: jobIdSchema });
const ofEvent = z.object({ jobId: jobIdSchema, eventId: z.uuid() });
const ofRun = z.object({ runId: z.uuid() });
const doneSchema = z.object({ done: z.string().meta({ description: 'What was done.' }) }).meta({ id: 'Done' });

/** What can be asked of jobs and done with them. */
export function jobOperations(port: JobsPort, link: TraceLink): Operation[] {
  return [...readingOperations(port, link), ...changingOperations(port), reportOperation(port)];
}

function readingOperations(port: JobsPort, link: TraceLink): Operation[] {
  const read = { method: 'get', access: 'viewer' } as const;
  return [
    operation(port, {
      ...read,
      path: '/api/jobs',
      summary: 'All jobs, with what waits for each',
      answers: jobListSchema,
      work: async (jobs) => ({ jobs: await listJobs(jobs.connections) }),
    }),
    operation(port, {
      ...read,
      path: '/api/jobs/{jobId}',
      summary: 'One job',
      pathSchema: ofJob,
      answers: jobSchema,
      work: async (jobs, { path }) => (await listJobs(jobs.connections, path.jobId))[0],
    }),
    operation(port, {
      ...read,
      path: '/api/jobs/{jobId}/events',
      summary: 'Events that wait in the queue of a job, in the order in which they are taken',
      pathSchema: ofJob,
      querySchema: jobEventQuerySchema,
      answers: jobEventListSchema,
      work: (jobs, { path, query }) => listEvents(jobs.connections, path.jobId, query),
    }),
    operation(port, {
      ...read,
      path: '/api/job-runs',
      summary: 'Runs of all jobs or of one, newest first',
      description: 'Error texts are shown to operators only.',
      querySchema: jobRunQuerySchema,
      answers: jobRunListSchema,
      work: async (jobs, { query, res }) => {
        const { runs, ...page } = await listRuns(jobs.connections, query);
        const isOperator = roleOf(res) === 'operator';
        return { ...page, runs: isOperator ? runs : runs.map((run) => ({ ...run, errorMessage: null })) };
      },
    }),
    operation(port, {
      ...read,
      path: '/api/job-runs/{runId}',
      // what a job returned and logged may hold what only operators should see
      access: 'operator',
      summary: 'One run with its error, its output, its log lines and where its trace is',
      pathSchema: ofRun,
      answers: jobRunSchema,
      work: async (jobs, { path }) => {
        const run = await readRun(jobs.connections, path.runId);
        const traceUrl = run?.traceId ? link(run.traceId) : undefined;
        return run && { ...run, ...(traceUrl !== undefined && { traceUrl }) };
      },
    }),
    operation(port, {
      ...read,
      path: '/api/metrics',
      summary: 'What jobs have done so far: executions, durations, waiting times',
      querySchema: jobMetricsQuerySchema,
      answers: jobMetricsListSchema,
      work: async (jobs, { query }) => ({ jobs: await readMetrics(jobs.connections, query.jobId) }),
    }),
    operation(port, {
      ...read,
      path: '/api/audit',
      summary: 'Who changed what, when and why, newest first',
      querySchema: auditQuerySchema,
      answers: auditListSchema,
      work: (jobs, { query }) => listAudit(jobs.connections, query),
    }),
  ];
}

function changingOperations(port: JobsPort): Operation[] {
  const change = { method: 'post', access: 'operator', bodyLimitBytes: BODY_LIMIT_BYTES } as const;
  /** Does one thing to what the path names. */
  const onJob = (
    verb: string,
    summary: string,
    done: string,
    work: (jobs: Administered, jobId: string, change: Change) => Promise<unknown>,
  ): Operation =>
    operation(port, {
      ...change,
      path: `/api/jobs/{jobId}/${verb}`,
      summary,
      pathSchema: ofJob,
      bodySchema: jobChangeSchema,
      answers: doneSchema,
      work: async (jobs, { path, body, req, res }) => {
        await work(jobs, path.jobId, { actor: actorOf(req, res), reason: body.reason });
        return { done };
      },
    });
  return [
    onJob('pause', 'Keep the events of a job in its queue', 'paused', pauseJob),
    onJob('resume', 'Let the events of a job run again', 'resumed', resumeJob),
    operation(port, {
      ...change,
      path: '/api/jobs/{jobId}/run',
      summary: 'Run a job now',
      pathSchema: ofJob,
      bodySchema: runNowSchema,
      answers: enqueuedSchema,
      status: 202,
      work: (jobs, { path, body, req, res }) =>
        runJobNow(jobs, path.jobId, body.input, { actor: actorOf(req, res), reason: body.reason }),
    }),
    operation(port, {
      ...change,
      path: '/api/jobs/{jobId}/events/{eventId}/cancel',
      summary: 'Take an event out of the queue for good, or stop the run that works on it',
      pathSchema: ofEvent,
      bodySchema: jobChangeSchema,
      answers: doneSchema,
      work: async (jobs, { path, body, req, res }) => ({
        done: await cancelEvent(jobs, path.jobId, path.eventId, { actor: actorOf(req, res), reason: body.reason }),
      }),
    }),
    operation(port, {
      ...change,
      path: '/api/job-runs/{runId}/cancel',
      summary: 'Stop a run',
      description:
        'Its abort signal fires within seconds; the reporter of a run elsewhere is told so with its next report.',
      pathSchema: ofRun,
      bodySchema: jobChangeSchema,
      answers: doneSchema,
      status: 202,
      work: async (jobs, { path, body, req, res }) => {
        await cancelRun(jobs, path.runId, { actor: actorOf(req, res), reason: body.reason });
        return { done: 'asked' };
      },
    }),
  ];
}

function reportOperation(port: JobsPort): Operation {
  return operation(port, {
    method: 'post',
    access: 'reporter',
    bodyLimitBytes: REPORT_LIMIT_BYTES,
    path: '/api/jobs/{jobId}/runs',
    summary: 'Report a run of a job that runs elsewhere',
    description:
      'A job that is not known yet is made known. Reports may be repeated: a run is counted once. For a crontab: `curl -sS --json \'{"status":"success"}\' -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8002/api/jobs/nightly-import/runs`.',
    pathSchema: ofJob,
    bodySchema: runReportSchema,
    answers: runReportAnswerSchema,
    work: (jobs, { path, body }) => reportRun(jobs.connections, path.jobId, body),
  });
}
