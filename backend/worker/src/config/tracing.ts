import './require-node.ts';

// loaded only now: on an older Node even their linking fails, and nobody would see why
const { exitOnConfigurationError, readWorkerEnvironment } = await import('./env.ts');
const { startServiceTelemetry } = await import('@clearway/telemetry');
const { SERVICE, VERSION } = await import('./version.ts');

const read = () => {
  try {
    return readWorkerEnvironment(process.env);
  } catch (error) {
    return exitOnConfigurationError(error);
  }
};

/** The process's environment. */
export const env = read();

/** All signals, started before anything that tracing instruments is loaded. Errors are among them. */
export const telemetry = startServiceTelemetry(env, { serviceName: SERVICE, serviceVersion: VERSION });
