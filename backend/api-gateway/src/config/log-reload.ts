import { ConfigurationError, renderProblems } from '@clearway/kernel';
import type { Logs } from '@clearway/telemetry';
import type { ReloadOutcome } from './configuration.ts';

/** Tells in the log how each reload ended, and what of it waits for the next start. */
export function logReload(logger: Logs['logger']): (outcome: ReloadOutcome) => void {
  return ({ cause, changed, error, waitsForStart }) => {
    if (error instanceof ConfigurationError) {
      const problems = renderProblems(error.problems);
      logger.error('the new configuration was refused, the old one stays', { cause, problems });
    } else if (error) logger.error('the configuration could not be read, the old one stays', { cause, error });
    else logger.info(changed ? 'configuration changed' : 'configuration read, nothing changed', { cause });
    if (waitsForStart.length > 0) {
      logger.warn('some settings take effect only at the next start', { settings: waitsForStart.join(', ') });
    }
  };
}
