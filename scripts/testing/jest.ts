import { spawn } from 'node:child_process';
import { constants } from 'node:os';

const NODE_FLAGS = ['--disable-warning=ExperimentalWarning', '--experimental-vm-modules'];

/** Whether coverage is asked for. It costs a third of the time, so it is not measured unless it is. */
export const measuresCoverage = (args: readonly string[]): boolean =>
  args.some((arg) => arg === '--coverage' || arg === '--coverage=true');

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
  const program = [...NODE_FLAGS, 'node_modules/jest/bin/jest.js', ...args];
  const child = spawn(process.execPath, program, { cwd: root, stdio: 'inherit', env: variables });
  signal.addEventListener('abort', () => child.kill('SIGINT'));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, name) => resolve(name ? 128 + constants.signals[name] : (code ?? 1)));
  });
}
