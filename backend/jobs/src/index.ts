export { defineJob, JOB_ID, type AnyJob, type JobDefinition, type JobOptions } from './definition/define-job.ts';
export { PermanentFailure, type EffectTransaction, type JobContext, type RunLog } from './definition/job-context.ts';
export type { ScheduleInput, ScheduleSettings } from './definition/schedule-settings.ts';
export { InputRefused, type Enqueued, type EnqueueOptions } from './queue/enqueue.ts';
export { RunStopped, type StopKind } from './runner/active-run.ts';
export type { LineTarget } from './runner/run-log.ts';
export type { RunEnded } from './runner/work-on-event.ts';
export { bucketOf, mergeCounts, percentiles, type BucketCounts } from './metrics/histogram.ts';
export { startJobs, type Jobs, type JobsOptions, type JobTimes } from './start-jobs.ts';
export { audit, listAudit, type Change } from './administration/audit.ts';
export {
  cancelEvent,
  cancelRun,
  NotPossible,
  pauseJob,
  resumeJob,
  runJobNow,
  type Administered,
} from './administration/change-jobs.ts';
export { cursorOf, InvalidCursor, readCursor } from './administration/cursor.ts';
export { listEvents } from './administration/list-events.ts';
export { listJobs } from './administration/list-jobs.ts';
export { listRuns, readRun, type RunSearch } from './administration/list-runs.ts';
export { readMetrics } from './administration/read-metrics.ts';
export { reportRun, ReportRefused } from './reports/report-run.ts';
export type { Connections, Sql } from './queue/connections.ts';
export { DEFAULT_KEEP_DAYS, pruneHistory, type KeepDays } from './maintenance.ts';
