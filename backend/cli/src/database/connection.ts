import type { CliContext } from '../context.ts';
import { UsageError } from '../exit-codes.ts';

const VARIABLE = /^env:([A-Za-z_]\w*)$/;

/**
 * The connection string that an option names. Given in full it may hold no password: arguments are shown in the list of
 * processes.
 *
 * @throws UsageError that says how to write it
 */
export function connectionString(context: CliContext, option: string, value: string): string {
  const name = VARIABLE.exec(value)?.[1];
  const text = name === undefined ? value : context.variables[name];
  if (text === undefined || text === '') throw new UsageError(`${option}: the variable ${name} is not set`);
  const url = URL.parse(text);
  if (!url || !/^postgres(?:ql)?:$/.test(url.protocol) || url.pathname.length < 2) {
    const what = name === undefined ? option : name;
    throw new UsageError(`${what}: write it as postgresql://user:password@host:5432/database`);
  }
  if (name === undefined && url.password !== '') {
    throw new UsageError(
      `${option}: a password in an argument can be read by others; put it into a variable: env:NAME`,
    );
  }
  return text;
}
