import type { Sql } from '../../queue/connections.ts';
import { QUEUE_SCHEMA } from '../../queue/open-queue.ts';

/** Why events of a job cannot run now. */
export interface JobProblem {
  readonly jobId: string;
  /** `gone`: nothing runs it any more. `paused`: they would wait in the queue. */
  readonly kind: 'gone' | 'paused';
  readonly message: string;
}

interface JobRow {
  readonly job_id: string;
  readonly source: string | null;
  readonly service: string | null;
  readonly retired_at: Date | null;
  readonly paused_at: Date | null;
  readonly paused_by: string | null;
  readonly has_queue: boolean;
}

/** What keeps events of these jobs from running. */
export async function jobProblems(sql: Sql, jobIds: readonly string[]): Promise<JobProblem[]> {
  const { rows } = await sql.query<JobRow>(JOBS, [jobIds]);
  return rows.flatMap((row) => problemOf(row) ?? []);
}

const JOBS = `
  SELECT job_id, d.source, d.service, d.retired_at, d.paused_at, d.paused_by, q.name IS NOT NULL AS has_queue
  FROM unnest($1::text[]) AS wanted (job_id)
  LEFT JOIN job_definitions d USING (job_id) LEFT JOIN ${QUEUE_SCHEMA}.queue q ON q.name = job_id`;

function problemOf(row: JobRow): JobProblem | undefined {
  const jobId = row.job_id;
  const gone = (why: string): JobProblem => ({ jobId, kind: 'gone', message: `job "${jobId}" is gone: ${why}` });
  if (row.source === null) return gone('no service defines it');
  if (row.source === 'reported') return gone('it runs elsewhere and only reports here');
  if (row.retired_at) {
    return gone(`service "${row.service}" has not defined it since its start at ${row.retired_at.toISOString()}`);
  }
  if (!row.has_queue) return gone('its queue was deleted; start its service again');
  if (row.paused_at === null) return undefined;
  return {
    jobId,
    kind: 'paused',
    message: `job "${jobId}" is paused by ${row.paused_by ?? 'somebody'}: its events wait until it is resumed`,
  };
}
