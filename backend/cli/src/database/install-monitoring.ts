import type { CliContext } from '../context.ts';
import { EXIT, UsageError, type ExitCode } from '../exit-codes.ts';
import { safe } from '../terminal/style.ts';
import { connectionString } from './connection.ts';
import { urlOf } from './exec.ts';

/** What `clearway database install-monitoring` takes. */
export interface InstallOptions {
  readonly to?: string | undefined;
  readonly file: string;
}

/**
 * `clearway database install-monitoring`: the functions of the schema `monitoring`, in a declared database or in one that an
 * option names, best as the owner of its tables.
 */
export async function installFunctions(
  context: CliContext,
  database: string | undefined,
  { to, file }: InstallOptions,
): Promise<ExitCode> {
  if ((database === undefined) === (to === undefined)) {
    throw new UsageError('name a database of clearway.yaml, or give --to env:NAME');
  }
  const url = to === undefined ? await urlOf(context, database ?? '', file) : connectionString(context, '--to', to);
  const { installMonitoring } = await import('@clearway/database');
  const name = database ?? to ?? '';
  try {
    const { changed, version, notices } = await installMonitoring(url);
    context.out(`${name}: ${changed ? 'installed' : 'up to date'}, version ${version}`);
    for (const notice of notices) context.out(`  ${safe(notice)}`);
    return EXIT.ok;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    context.error(`${name}: nothing was installed: ${safe(message)}`);
    const remedy = REMEDIES[code ?? ''];
    if (remedy !== undefined) context.error(`  → ${remedy}`);
    return EXIT.problem;
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  '42501': 'connect as the owner of the database: --to env:NAME with its URL, or GRANT CREATE ON DATABASE to the role',
  '28P01': 'correct the password of the URL',
  '28000': 'correct the role of the URL, or pg_hba.conf of the server',
  '3D000': 'create the database, or correct its name in the URL',
  ECONNREFUSED: 'start the server, or correct host and port of the URL',
  ENOTFOUND: 'correct the host of the URL',
  '2BP01': 'something was built on these functions: drop it, or move it off them',
  '55P03': 'somebody holds a lock on the functions: try again',
};
