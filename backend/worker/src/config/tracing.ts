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
export const telemetry = startServiceTelemetry(env, {
  serviceName: SERVICE,
  serviceVersion: VERSION,
  // who looks at traces, again and again, must not fill the store with traces of looking
  untracedPaths: [
    '/api/traces',
    '/api/traces/*',
    '/api/health',
    '/api/health/*',
    '/api/docs',
    '/api/docs/*',
    '/api/openapi.json',
  ],
});
