import { existsSync } from 'node:fs';
import { backupsSchema, USUAL_BACKUPS } from '@clearway/contracts';
import { loadSections, type ClearwayConfiguration } from '@clearway/gateway/configuration';
import type { ConfigurationProblem } from '@clearway/kernel';

/** The sections of `clearway.yaml` that the worker lives by. */
const OWN_SECTIONS = ['databases', 'integrity', 'migrations', 'backups', 'backupStorages'] as const;

/** What the worker keeps of `clearway.yaml`. */
export type WorkerConfiguration = Pick<ClearwayConfiguration, (typeof OWN_SECTIONS)[number]>;

/** What was read, and where from. */
export interface ReadConfiguration {
  readonly configuration: WorkerConfiguration;
  readonly warnings: readonly ConfigurationProblem[];
  /** The files that it came from, or would come from. */
  readonly files: readonly string[];
}

const USUAL_FILE = 'clearway.yaml';
const NOTHING: WorkerConfiguration = {
  databases: [],
  integrity: [],
  migrations: [],
  backups: backupsSchema.parse(USUAL_BACKUPS),
  backupStorages: [],
};

/**
 * Reads the worker's sections.
 *
 * @param file as `CLEARWAY_CONFIG` names it; undefined for the usual one, which may be missing
 * @param variables for values `env:NAME`
 * @throws ConfigurationError with every problem of its own sections
 */
export function readWorkerConfiguration(
  file: string | undefined,
  variables: Readonly<Record<string, string | undefined>>,
): ReadConfiguration {
  if (file === undefined && !existsSync(USUAL_FILE)) {
    return { configuration: NOTHING, warnings: [], files: [USUAL_FILE] };
  }
  return loadSections(file ?? USUAL_FILE, variables, OWN_SECTIONS);
}
