import type { ClearwayConfiguration } from '@clearway/gateway/configuration';
import type { LoadedConfiguration } from '@clearway/kernel';
import path from 'node:path';
import type { CliContext } from './context.ts';

/** The configuration file that is used when none is named. */
export const DEFAULT_FILE = 'clearway.yaml';

/**
 * Reads the configuration, named in messages as the caller named it.
 *
 * @throws ConfigurationError with every problem
 */
export async function loadFile(file: string, context: CliContext): Promise<LoadedConfiguration<ClearwayConfiguration>> {
  const { loadClearwayFile } = await import('@clearway/gateway/configuration');
  const named = path.isAbsolute(file) ? file : path.relative('', path.resolve(context.directory, file)) || '.';
  return loadClearwayFile(named, context.variables);
}
