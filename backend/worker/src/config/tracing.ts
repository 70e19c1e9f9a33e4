import './require-node.ts';

// loaded only now: on an older Node even their linking fails, and nobody would see why
const { exitOnConfigurationError, readWorkerEnvironment } = await import('./env.ts');
const { startServiceTelemetry } = await import('@clearway/telemetry');
const { readWorkerConfiguration } = await import('./configuration.ts');
const { SERVICE, VERSION } = await import('./version.ts');

const read = () => {
  try {
    const read = readWorkerEnvironment(process.env);
    const readAgain = () => readWorkerConfiguration(read.CLEARWAY_CONFIG, process.env);
    return { env: read, readAgain, loaded: readAgain() };
  } catch (error) {
    return exitOnConfigurationError(error);
  }
};

/** The process's environment, its sections of `clearway.yaml`, and the way to read them again. */
export const { env, loaded, readAgain } = read();

/** All variables of the process, for what it starts. */
export const variables: Readonly<Record<string, string | undefined>> = process.env;

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
    '/api/backups',
    '/api/backups/*',
    '/api/docs',
    '/api/docs/*',
    '/api/openapi.json',
  ],
});
