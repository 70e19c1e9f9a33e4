export { defineJob, JOB_ID, type AnyJob, type JobDefinition, type JobOptions } from './definition/define-job.ts';
export { PermanentFailure, type EffectTransaction, type JobContext, type RunLog } from './definition/job-context.ts';
export type { ScheduleInput, ScheduleSettings } from './definition/schedule-settings.ts';
export type { Enqueued, EnqueueOptions } from './queue/enqueue.ts';
export { InputRefused, type InputProblem } from './queue/input-refused.ts';
export { RunStopped, type StopKind } from './runner/active-run.ts';
export type { LineTarget } from './runner/run-log.ts';
export type { RunEnded } from './runner/work-on-event.ts';
export { bucketOf, mergeCounts, percentiles, type BucketCounts } from './metrics/histogram.ts';
export { startJobs, type Jobs, type JobsOptions, type JobTimes } from './start-jobs.ts';
export { audit, listAudit, type Change } from './administration/audit.ts';
export {
  cancelEvent,
  cancelRun,
  pauseJob,
  resumeJob,
  runJobNow,
  type Administered,
} from './administration/change-jobs.ts';
export { NotPossible } from './administration/not-possible.ts';
export { cursorOf, InvalidCursor, readCursor } from './administration/cursor.ts';
export { listEvents } from './administration/list-events.ts';
export { listJobs } from './administration/list-jobs.ts';
export { listRuns, readRun, type RunSearch } from './administration/list-runs.ts';
export { readMetrics } from './administration/read-metrics.ts';
export { countDeadLetters, type DeadLetterCounts } from './dead-letters/counts.ts';
export { discardDeadLetter, discardDeadLetters } from './dead-letters/discard.ts';
export { exportDeadLetters } from './dead-letters/export.ts';
export type { DeadLetterFilter } from './dead-letters/filter.ts';
export { listDeadLetterGroups, type GroupSearch } from './dead-letters/groups.ts';
export { listDeadLetters, type DeadLetterSearch } from './dead-letters/list.ts';
export { readDeadLetter } from './dead-letters/read.ts';
export { createReplay, matchReplay, type ReplayOrder } from './dead-letters/replay/create-replay.ts';
export { listReplays, readReplay, type ReplaySearch } from './dead-letters/replay/read-replays.ts';
export { replayDeadLetter, type OneOrder, type ReplayedOne } from './dead-letters/replay/replay-one.ts';
export { cancelReplay } from './dead-letters/replay/stop.ts';
export { reportRun, ReportRefused } from './reports/report-run.ts';
export type { Connections, Sql } from './queue/connections.ts';
export { DEFAULT_KEEP_DAYS, pruneHistory, type KeepDays } from './maintenance.ts';
export { readHealth, type JudgedJob } from './administration/read-health.ts';
export { readBaselines, type KeptBaseline } from './baselines/read-baselines.ts';
export { changeBaseline, observeEndedRuns, type VerdictChange } from './baselines/store.ts';
export { startWatch, type Watch } from './expectations/watch.ts';
export { every, type Repeating } from './every.ts';
