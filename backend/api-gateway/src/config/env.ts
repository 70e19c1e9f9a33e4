import {
  ConfigurationError,
  EXIT_CONFIGURATION,
  isLoopbackAddress,
  readEnvironment,
  renderProblems,
} from '@clearway/kernel';
import { gatewayEnvironment } from './environment-shape.ts';

/** Optional services, and the variable that configures each. */
const SERVICES = {
  database: 'DATABASE_URL',
  redis: 'REDIS_URL',
  sentry: 'SENTRY_DSN',
  operations: 'OPERATIONS_TOKENS',
  jaegerUi: 'JAEGER_UI_URL',
} as const;

/** The environment, typed and frozen. */
export type Env = ReturnType<typeof readGatewayEnvironment>;

/**
 * Reads the gateway's environment.
 *
 * @throws ConfigurationError with every problem
 */
export function readGatewayEnvironment(variables: Readonly<Record<string, string | undefined>>) {
  const env = readEnvironment(gatewayEnvironment, { variables });
  if (!isLoopbackAddress(env.ADMIN_HOST) && env.OPERATIONS_TOKENS.length === 0) {
    throw new ConfigurationError([
      {
        file: 'environment',
        path: 'ADMIN_HOST',
        message: 'the admin listener would be open to others without authentication',
        value: env.ADMIN_HOST,
        remedy: 'set OPERATIONS_TOKENS, or ADMIN_HOST=127.0.0.1',
      },
    ]);
  }
  return env;
}

/** Whether an optional service is configured. */
export function isConfigured(env: Env, service: keyof typeof SERVICES): boolean {
  const value = env[SERVICES[service]];
  return Array.isArray(value) ? value.length > 0 : value !== undefined;
}

/** Prints what is wrong with the configuration and ends the process with 78, before anything was opened. */
export function exitOnConfigurationError(error: unknown): never {
  if (!(error instanceof ConfigurationError)) throw error;
  process.stderr.write(`${renderProblems(error.problems)}\n`);
  process.exit(EXIT_CONFIGURATION);
}
