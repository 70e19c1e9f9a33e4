export { defineJob, JOB_ID, type AnyJob, type JobDefinition, type JobOptions } from './definition/define-job.ts';
export { PermanentFailure, type EffectTransaction, type JobContext, type RunLog } from './definition/job-context.ts';
export type { ScheduleInput, ScheduleSettings } from './definition/schedule-settings.ts';
export { InputRefused, type Enqueued, type EnqueueOptions } from './queue/enqueue.ts';
export { RunStopped, type StopKind } from './runner/active-run.ts';
export type { LineTarget } from './runner/run-log.ts';
export type { RunEnded } from './runner/work-on-event.ts';
export { bucketOf, mergeCounts, percentiles, type BucketCounts } from './metrics/histogram.ts';
export { startJobs, type Jobs, type JobsOptions, type JobTimes } from './start-jobs.ts';
