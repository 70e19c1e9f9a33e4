import {
  ConfigurationError,
  EXIT_CONFIGURATION,
  openListenerProblem,
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
  const problem = openListenerProblem('ADMIN_HOST', env.ADMIN_HOST, env.OPERATIONS_TOKENS);
  if (problem) throw new ConfigurationError([problem]);
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
