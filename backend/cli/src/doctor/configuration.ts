import { ConfigurationError } from '@clearway/kernel';
import { loadFile } from '../config-file.ts';
import type { CliContext } from '../context.ts';
import { count } from '../terminal/style.ts';
import { failed, ok, skipped, type Check, type Finding } from './finding.ts';

/** Whether the configuration file is right. */
export function configurationCheck(file: string, context: CliContext): Check {
  return {
    name: 'configuration',
    async run() {
      return orProblems(async () => {
        const { configuration } = await loadFile(file, context);
        return ok(`${file}: ${count(configuration.routes.length, 'route')}`);
      });
    },
  };
}

/** A process that says by itself whether it could live with some variables: its package's export `./environment`. */
interface EnvironmentModule {
  readonly readProcessEnvironment: (variables: CliContext['variables']) => unknown;
}

const PROCESSES = [
  { name: 'gateway', module: '@clearway/api-gateway/environment' },
  { name: 'worker', module: '@clearway/worker/environment' },
];

/** What `npm start` adds when it is not set: the address of the embedded database. */
const FROM_START = { DATABASE_URL: 'postgresql://127.0.0.1/clearway' };

/**
 * Whether each process would start with the variables and `.env`. The processes are looked up where they are installed
 * and are no dependency of the command.
 */
export function environmentChecks(context: CliContext): Check[] {
  return PROCESSES.map(({ name, module }) => ({
    name: `variables ${name}`,
    async run() {
      const loaded = await loadIfInstalled(module);
      if (!loaded) return skipped(`${module.replace('/environment', '')} is not installed here`);
      return orProblems(() => {
        loaded.readProcessEnvironment({ ...FROM_START, ...context.variables });
        return Promise.resolve(ok(context.environmentFile ? 'right, with .env' : 'right'));
      });
    },
  }));
}

async function loadIfInstalled(module: string): Promise<EnvironmentModule | undefined> {
  try {
    return (await import(module)) as EnvironmentModule;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ERR_MODULE_NOT_FOUND' || code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') return undefined;
    throw error;
  }
}

/** Makes a failure of the problems of a configuration: what is wrong in the message, how to mend it in the remedy. */
async function orProblems(work: () => Promise<Finding>): Promise<Finding> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const texts = error.problems.map(({ file, line, path, message, remedy }) => {
      const place = line === undefined ? path : `${file}:${line} ${path}`;
      return { what: `${place} ${message}`, remedy: `${path}: ${remedy}` };
    });
    return failed(texts.map(({ what }) => what).join('; '), texts.map(({ remedy }) => remedy).join('; '));
  }
}
