import './require-node.ts';

// loaded only now: on an older Node even their linking fails, and nobody would see why
const { exitOnConfigurationError, readGatewayEnvironment } = await import('./env.ts');
const { tracingOptions } = await import('@clearway/telemetry/environment');
const { startTracing } = await import('@clearway/telemetry/tracing');
const { SERVICE, VERSION } = await import('./version.ts');

const read = () => {
  try {
    return readGatewayEnvironment(process.env);
  } catch (error) {
    return exitOnConfigurationError(error);
  }
};

/** The process's environment. */
export const env = read();

/** The variables as they are, for values `env:NAME` of the configuration. */
export const variables: Readonly<Record<string, string | undefined>> = process.env;

/** Tracing, started before anything that it instruments is loaded. */
export const tracing = startTracing(
  tracingOptions(env, { serviceName: SERVICE, serviceVersion: VERSION, instrumentations: 'gateway' }),
);
