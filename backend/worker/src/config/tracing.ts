import './require-node.ts';

// loaded only now: on an older Node even their linking fails, and nobody would see why
const { exitOnConfigurationError, readWorkerEnvironment } = await import('./env.ts');
const { startServiceTelemetry } = await import('@clearway/telemetry');
const { readWorkerConfiguration } = await import('./configuration.ts');
const { SERVICE, VERSION } = await import('./version.ts');

const read = () => {
  try {
    const read = readWorkerEnvironment(process.env);
    return { env: read, ...readWorkerConfiguration(read.CLEARWAY_CONFIG, process.env) };
  } catch (error) {
    return exitOnConfigurationError(error);
  }
};

/** The process's environment, and its sections of `clearway.yaml`. */
export const { env, configuration, warnings } = read();

/** All signals, started before anything that tracing instruments is loaded. Errors are among them. */
export const telemetry = startServiceTelemetry(env, {
  serviceName: SERVICE,
  serviceVersion: VERSION,
  // who looks at traces, again and again, must not fill the store with traces of looking
  untracedPaths: [
    '/api/traces',
    '/api/traces/*',
    '/api/health',
    '/api/health/*',
    '/api/database',
    '/api/database/*',
    '/api/docs',
    '/api/docs/*',
    '/api/openapi.json',
  ],
});
