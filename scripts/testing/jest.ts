import { spawn } from 'node:child_process';
import { constants } from 'node:os';

const NODE_FLAGS = ['--disable-warning=ExperimentalWarning', '--experimental-vm-modules'];
/** Arguments that do not choose among the tests. */
const CHOOSES_NOTHING =
  /^--(json|outputFile=|ci|silent|verbose|maxWorkers=|coverage|no-coverage|colors|no-color|logHeapUsage|randomize|seed=)/;

/** Coverage is measured when all tests run: that of a part would miss the threshold. */
export function jestArguments(args: readonly string[]): string[] {
  const all = args.every((arg) => CHOOSES_NOTHING.test(arg));
  const said = args.some((arg) => /^--(no-)?coverage/.test(arg));
  return [...(all && !said ? ['--coverage'] : []), ...args];
}

/**
 * Runs jest. A signal is passed on, and jest is waited for.
 *
 * @returns its exit code
 */
export function runJest(
  root: string,
  args: readonly string[],
  variables: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<number> {
  const program = [...NODE_FLAGS, 'node_modules/jest/bin/jest.js', ...jestArguments(args)];
  const child = spawn(process.execPath, program, { cwd: root, stdio: 'inherit', env: variables });
  signal.addEventListener('abort', () => child.kill('SIGINT'));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, name) => resolve(name ? 128 + constants.signals[name] : (code ?? 1)));
  });
}
