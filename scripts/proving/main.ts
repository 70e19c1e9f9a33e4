import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { build } from '../stack/build.ts';
import { createOutput } from '../stack/output.ts';
import { onStopSignals } from '../stack/signals.ts';

const EXIT_INTERRUPTED = 130;
const root = path.dirname(path.dirname(import.meta.dirname));

/**
 * Builds, since proofs kill and measure the built processes, and runs a file of tests/proofs/support.
 *
 * @param args name of the file, and what it is given
 * @returns its exit code
 */
async function main([file = 'run.ts', ...args]: readonly string[]): Promise<number> {
  const output = createOutput(process.stdout, { verbose: false });
  const abort = new AbortController();
  onStopSignals({ first: () => abort.abort(), again: () => process.exit(EXIT_INTERRUPTED) });
  try {
    await output.step('Build', () => build(root, abort.signal));
  } catch (error) {
    if (!abort.signal.aborted) output.error((error as Error).message);
    return abort.signal.aborted ? EXIT_INTERRUPTED : 1;
  }
  const program = path.join(root, 'tests/proofs/support', file);
  const child = spawn(process.execPath, ['-C', '@clearway/source', program, ...args], { stdio: 'inherit' });
  abort.signal.addEventListener('abort', () => child.kill('SIGINT'));
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? EXIT_INTERRUPTED;
}

process.exit(await main(process.argv.slice(2)));
