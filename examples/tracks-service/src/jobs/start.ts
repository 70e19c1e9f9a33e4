import { startJobs, type Jobs } from '@clearway/jobs';
import { logger, reportError } from '@clearway/telemetry';
import type { Track } from '../generated/client.ts';
import type { StoredFile } from '../tracks/upload-store.ts';
import { inspectUpload, type InspectDependencies } from './inspect-upload.ts';

/** Where runs may take their time before the process ends. */
const STOP_LIMIT_MS = 10_000;
const START_LIMIT_MS = 3600_000;

/** The service's jobs. */
export interface TrackJobs {
  /** Has an uploaded file looked at later. Never fails an upload: it is only left out when there is no queue. */
  readonly inspect: (track: Track, stored: StoredFile) => Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts the jobs beside the service, which serves without them as well.
 *
 * @param connectionString of the database of Clearway's worker
 */
export function startTrackJobs(connectionString: string, dependencies: InspectDependencies): TrackJobs {
  const job = inspectUpload(dependencies);
  const abort = new AbortController();
  let jobs: Jobs | undefined;
  const started = startJobs({
    connectionString,
    service: 'tracks-service',
    jobs: [job],
    log: logger,
    poolSize: 4,
    startLimitMs: START_LIMIT_MS,
    signal: abort.signal,
    onRunEnded: ({ jobId, error }) => error && reportError(`job ${jobId}`, error, { feature: 'jobs' }),
  }).then(
    (value) => (jobs = value),
    (error: unknown) => abort.signal.aborted || reportError('start jobs', error, { feature: 'jobs' }),
  );
  return {
    async inspect(track, { name, sha256, sizeBytes }) {
      try {
        if (!jobs) return void logger.warn('upload not inspected: jobs have not started', { track_id: track.id });
        await jobs.enqueue(job, { trackId: track.id, fileName: name, sha256, sizeBytes });
      } catch (error) {
        reportError('enqueue inspection', error, { feature: 'jobs' });
      }
    },
    async stop() {
      abort.abort();
      await started;
      await jobs?.stop(STOP_LIMIT_MS);
    },
  };
}
