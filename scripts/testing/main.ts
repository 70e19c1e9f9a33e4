import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from '../stack/build.ts';
import { createOutput } from '../stack/output.ts';
import { onStopSignals } from '../stack/signals.ts';
import { measuresCoverage, runJest } from './jest.ts';
import { testVariables } from './variables.ts';

const EXIT_INTERRUPTED = 130;
/** The tests start hundreds of processes from the same files: compiled once, each takes up to half less processor time. */
const COMPILE_CACHE = 'node_modules/.cache/clearway/compiled';
const root = path.dirname(path.dirname(import.meta.dirname));

/**
 * Builds, starts a PostgreSQL that is thrown away afterwards, and runs jest. The processes that end-to-end tests start
 * are the built ones.
 *
 * @param args go to jest: `npm test -- backend/kernel`
 * @returns jest's exit code
 */
async function main(args: readonly string[]): Promise<number> {
  const output = createOutput(process.stdout, { verbose: false });
  const scratch = mkdtempSync(path.join(tmpdir(), 'clearway-test-'));
  const abort = new AbortController();
  onStopSignals({ first: () => abort.abort(), again: () => process.exit(EXIT_INTERRUPTED) });
  let stopDatabase = (): Promise<void> => Promise.resolve();
  try {
    await output.step('Build', () => build(root, abort.signal));
    const variables = testVariables(process.env);
    if (!variables['TEST_DATABASE_URL']) {
      const database = await output.step('PostgreSQL for the tests', startDatabase);
      stopDatabase = () => database.stop();
      variables['TEST_DATABASE_URL'] = database.url('postgres');
    }
    // with code from the cache V8 would not count exactly
    if (measuresCoverage(args)) variables['CLEARWAY_CHILD_COVERAGE'] = path.join(scratch, 'coverage');
    else variables['NODE_COMPILE_CACHE'] = path.join(root, COMPILE_CACHE);
    return await runJest(root, args, variables, abort.signal);
  } catch (error) {
    if (abort.signal.aborted) return EXIT_INTERRUPTED;
    output.error((error as Error).message);
    return 1;
  } finally {
    await stopDatabase();
    rmSync(scratch, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Goes with this process, also when that is killed. */
async function startDatabase() {
  const { startTestServer } = await import('@clearway/database/testing');
  return startTestServer();
}

process.chdir(root);
process.exit(await main(process.argv.slice(2)));
