import {
  openBackups,
  openNotices,
  unwellEvents,
  type BackupEvent,
  type Backups,
  type BackupStanding,
} from '@clearway/backups';
import { systemClock, type Lifecycle } from '@clearway/kernel';
import type { ServiceTelemetry } from '@clearway/telemetry';
import type { WorkerConfiguration } from '../config/configuration.ts';
import type { JobsPort } from '../jobs/jobs-port.ts';
import type { Operation } from '../operations/operation.ts';
import { backupMetrics } from './backup-metrics.ts';
import { BackupMonitor } from './backup-monitor.ts';
import { backupOperations } from './backup-operations.ts';
import { createBackupWork, type BackupWork } from './backup-work.ts';
import { backupCronOperations } from './cron-operation.ts';

/** What backups are made with. */
export interface BackupDependencies {
  readonly configuration: Pick<WorkerConfiguration, 'databases' | 'backups' | 'backupStorages'>;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly telemetry: ServiceTelemetry;
  readonly lifecycle: Lifecycle;
}

/** The backups of this process. */
export interface ComposedBackups {
  readonly work: BackupWork;
  operations(jobs: JobsPort): Operation[];
  /** Begins to look at the storages. */
  start(): void;
  /**
   * Opens what another configuration says. It counts when the returned function is called: for what begins from then on.
   *
   * @throws BackupFailure when it cannot be used
   */
  prepare(configuration: BackupDependencies['configuration']): () => void;
}

const LAST_NOTICES_MS = 5000;

/** Opens what makes, proves and watches backups; their schedule is the jobs'. */
export function composeBackups({
  configuration,
  variables,
  telemetry,
  lifecycle,
}: BackupDependencies): ComposedBackups {
  const { logger: log } = telemetry.logs;
  const clock = systemClock;
  const open = (sections: BackupDependencies['configuration']): Backups =>
    openBackups({ sections, variables, directory: '', clock });
  let current = open(configuration);
  const backups = (): Backups => current;
  const notices = openNotices(variables);
  lifecycle.onRelease('notices of backups', () => notices.settled(), LAST_NOTICES_MS);
  const eventsOf = unwellEvents();
  const onLook = (standing: BackupStanding): void => eventsOf(standing).forEach((event) => void tell(event));
  const monitor = new BackupMonitor({ backups, clock, log, onLook });
  lifecycle.onRelease('backup monitor', () => monitor.close());
  const metrics = backupMetrics(telemetry.metrics, () => monitor.standings());
  const tell = async (event: BackupEvent): Promise<void> => {
    metrics.happened(event);
    const outcomes = await notices.tell(event);
    metrics.noticed(outcomes);
    for (const { channel, problem } of outcomes) {
      if (problem !== undefined) log.warn('a notice did not leave', { channel, problem, event: event.type });
    }
  };
  const end = new AbortController();
  lifecycle.onRelease('backups under way', () => end.abort());
  const work = createBackupWork(backups, { clock, tell, onDone: (id) => void monitor.look(id) });
  return {
    work,
    operations: (jobs) => [
      ...backupOperations(monitor, () => current.databases.map(({ id }) => id)),
      ...backupCronOperations({ work, jobs, signal: end.signal, log }),
    ],
    start: () => monitor.start(),
    prepare(next) {
      const opened = open(next);
      return () => {
        current = opened;
        void monitor.reconfigured();
      };
    },
  };
}
