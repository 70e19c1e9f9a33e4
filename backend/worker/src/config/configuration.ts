import { existsSync } from 'node:fs';
import { loadSections, type ClearwayConfiguration } from '@clearway/gateway/configuration';
import type { ConfigurationProblem } from '@clearway/kernel';

/** The sections of `clearway.yaml` that the worker lives by. */
const OWN_SECTIONS = ['databases', 'integrity', 'migrations'] as const;

/** What the worker keeps of `clearway.yaml`. */
export type WorkerConfiguration = Pick<ClearwayConfiguration, (typeof OWN_SECTIONS)[number]>;

const USUAL_FILE = 'clearway.yaml';
const NOTHING: WorkerConfiguration = { databases: [], integrity: [], migrations: [] };

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
): { readonly configuration: WorkerConfiguration; readonly warnings: readonly ConfigurationProblem[] } {
  if (file === undefined && !existsSync(USUAL_FILE)) return { configuration: NOTHING, warnings: [] };
  return loadSections(file ?? USUAL_FILE, variables, OWN_SECTIONS);
}
