import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { loadFile } from '../config-file.ts';
import type { CliContext } from '../context.ts';
import { embeddedDirectory } from '../doctor/database.ts';
import { EXIT, UsageError, type ExitCode } from '../exit-codes.ts';

const EMBEDDED = /^embedded:(.+)$/;

/** `clearway database exec`: runs a program with DATABASE_URL of one of the databases, which is shown nowhere. */
export async function execute(
  context: CliContext,
  database: string,
  [program, ...words]: readonly string[],
  { file }: { readonly file: string },
): Promise<ExitCode> {
  if (program === undefined)
    throw new UsageError("name a program: clearway database exec tracks -- psql '$DATABASE_URL'");
  const url = await urlOf(context, database, file);
  const child = spawn(program, words, {
    cwd: context.directory,
    stdio: 'inherit',
    env: { ...context.processVariables, DATABASE_URL: url },
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return code === 0 ? EXIT.ok : EXIT.problem;
}

/**
 * Where a declared database is, also an embedded one.
 *
 * @throws UsageError when there is none of that id
 */
export async function urlOf(context: CliContext, database: string, file: string): Promise<string> {
  const { configuration } = await loadFile(file, context);
  const declared = configuration.databases.find(({ id }) => id === database);
  const url =
    declared?.url ?? (database === 'clearway' ? (context.variables['DATABASE_URL'] ?? 'embedded:clearway') : undefined);
  if (url === undefined) {
    const known = configuration.databases.map(({ id }) => id).join(', ') || 'none';
    throw new UsageError(`there is no database ${database} in ${file}: ${known}`);
  }
  const name = EMBEDDED.exec(url)?.[1];
  if (name === undefined) return url;
  const { findEmbeddedPostgres } = await import('@clearway/database');
  const found = findEmbeddedPostgres(embeddedDirectory(context));
  if (!found) throw new Error(`the embedded PostgreSQL is not running: 'npm start' starts it`);
  return found.url(name);
}
