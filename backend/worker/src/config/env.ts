import {
  ConfigurationError,
  EXIT_CONFIGURATION,
  openListenerProblem,
  readEnvironment,
  renderProblems,
} from '@clearway/kernel';
import { workerEnvironment } from './environment-shape.ts';

/** The environment, typed and frozen. */
export type Env = ReturnType<typeof readWorkerEnvironment>;

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Reads the worker's environment.
 *
 * @throws ConfigurationError with every problem
 */
export function readWorkerEnvironment(variables: Variables) {
  const env = readEnvironment(workerEnvironment, { variables: { ...ownReceiver(variables), ...present(variables) } });
  const problem = openListenerProblem('WORKER_HOST', env.WORKER_HOST, env.OPERATIONS_TOKENS);
  if (problem) throw new ConfigurationError([problem]);
  return env;
}

/** Unless told otherwise the worker sends its own spans to itself, wherever its port was moved. */
function ownReceiver({ WORKER_PORT: port }: Variables): Variables {
  return port !== undefined && /^[1-9]\d*$/.test(port) ? { OTEL_LOCAL_URL: `http://127.0.0.1:${port}` } : {};
}

function present(variables: Variables): Variables {
  return Object.fromEntries(Object.entries(variables).filter(([, text]) => text !== undefined && text !== ''));
}

/** Prints what is wrong with the configuration and ends the process with 78, before anything was opened. */
export function exitOnConfigurationError(error: unknown): never {
  if (!(error instanceof ConfigurationError)) throw error;
  process.stderr.write(`${renderProblems(error.problems)}\n`);
  process.exit(EXIT_CONFIGURATION);
}
