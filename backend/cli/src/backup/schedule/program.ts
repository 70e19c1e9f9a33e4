import { spawn } from 'node:child_process';
import type { CliContext } from '../../context.ts';
import { UsageError } from '../../exit-codes.ts';

/** What a program said and how it ended. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

/**
 * Runs a program of the machine.
 *
 * @throws UsageError when there is no such program
 */
export async function runProgram(
  { variables }: CliContext,
  program: string,
  args: readonly string[],
  { input = '', encoding = 'utf8' }: { readonly input?: string; readonly encoding?: BufferEncoding } = {},
): Promise<Ran> {
  const { PATH, HOME, XDG_RUNTIME_DIR, DBUS_SESSION_BUS_ADDRESS } = variables;
  const env = { PATH, HOME, XDG_RUNTIME_DIR, DBUS_SESSION_BUS_ADDRESS, LC_ALL: 'C' };
  const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  const said = { out: '', error: '' };
  child.stdout.setEncoding(encoding).on('data', (text: string) => (said.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.error += text));
  child.stdin.on('error', () => {}); // it ended without reading
  child.stdin.end(input, encoding);
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'ENOENT' ? new UsageError(`there is no ${program} on this machine`) : error),
    );
    child.once('close', (status) => resolve(status ?? 1));
  });
  return { code, ...said };
}
