import path from 'node:path';
import type { BackedUpDatabase } from '@clearway/backups';
import { UsageError } from '../../exit-codes.ts';

/** One thing that a scheduler is to do. */
export interface PlannedRun {
  /** Such as `create-tracks`. */
  readonly name: string;
  readonly cron: string;
  readonly description: string;
  /** Program and arguments; no secret is among them. */
  readonly command: readonly string[];
}

/** Which of several installations on a machine is meant. */
export interface Installation {
  /** Folder with clearway.yaml. */
  readonly directory: string;
  /** Name of an environment whose variables stand in `.env.NAME`; `.env` is read when it is left out. */
  readonly environment: string | undefined;
}

const NEVER = 'never';
const PRUNE_CRON = '30 5 * * *';
const WHAT = {
  create: 'Make a backup of',
  prove: 'Restore and compare the newest backup of',
  drill: 'Rehearse the loss of',
  prune: 'Remove what retention does not keep of the backups of',
} as const;

/** @throws UsageError for a name that files and units cannot have */
export function assertInstallation({ environment }: Installation): void {
  if (environment !== undefined && !/^[a-z0-9][a-z0-9_-]{0,39}$/i.test(environment))
    throw new UsageError(`${environment} is not the name of an environment: use letters, digits, - and _`);
}

/** What is to be run for the databases, by their rules in clearway.yaml. */
export function plannedRuns(
  databases: readonly BackedUpDatabase[],
  { directory, environment }: Installation,
): PlannedRun[] {
  const script = path.resolve(import.meta.dirname, '../../../bin/clearway.js');
  const file = environment === undefined ? [] : [`--env-file=${path.join(directory, `.env.${environment}`)}`];
  return databases.flatMap(({ id, policy }) => {
    const crons = {
      create: policy.schedule,
      prove: policy.verify.schedule,
      drill: policy.drill.schedule,
      prune: PRUNE_CRON,
    };
    return (['create', 'prove', 'drill', 'prune'] as const)
      .filter((work) => crons[work] !== NEVER)
      .map((work) => ({
        name: `${work}-${id}`,
        cron: crons[work],
        description: `${WHAT[work]} the database ${id}`,
        command: [process.execPath, ...file, script, 'backup', 'run', work, '--database', id],
      }));
  });
}

/** Name of an installation in crontabs and names of units. */
export const installationName = ({ environment }: Installation): string =>
  environment === undefined ? 'clearway-backup' : `clearway-backup-${environment}`;
