/**
 * Starts tracing, errors, logs and metrics of a service by its environment. Must be the first import of the program:
 *
 * @example
 * import '@clearway/telemetry/register';
 * import { requestTelemetry } from '@clearway/telemetry';
 * app.use(requestTelemetry());
 */
import { programIdentity, telemetryEnvironmentOrExit } from './config/process-environment.ts';
import { onFatalError } from './fatal.ts';
import { drainAndStop } from './service/operations.ts';
import { startServiceTelemetry } from './service/telemetry.ts';

const SHUTDOWN_LIMIT_MS = 5000;

const program = programIdentity();
const service = startServiceTelemetry(telemetryEnvironmentOrExit(), {
  serviceName: program.name,
  serviceVersion: program.version,
});
onFatalError({
  logger: service.logs.logger,
  errors: service.errors,
  drain: () => drainAndStop(SHUTDOWN_LIMIT_MS),
});
