import { ConfigurationError, EXIT_CONFIGURATION, readEnvironment } from '@clearway/kernel';
import { telemetryEnvironment, type TelemetryEnvironment } from './environment.ts';

/** Name and version of the program, from npm's variables when it was started by npm. */
export interface ProgramIdentity {
  readonly name: string;
  readonly version: string;
}

/**
 * The variables of this process; bad ones end it with 78 and the whole list on stderr, before anything was started.
 */
export function telemetryEnvironmentOrExit(): TelemetryEnvironment {
  try {
    return readEnvironment(telemetryEnvironment, { variables: process.env });
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(EXIT_CONFIGURATION);
  }
}

/** What to call this process when `OTEL_SERVICE_NAME` is unset. */
export function programIdentity(): ProgramIdentity {
  return {
    name: process.env.npm_package_name?.replace(/^@[^/]+\//, '') ?? 'service',
    version: process.env.npm_package_version ?? '0.0.0',
  };
}
