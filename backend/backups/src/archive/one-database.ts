import { BackupFailure } from '../failures.ts';
import type { RestoreItem } from './items.ts';

/** What whoever restores decides: the name of the database, its settings, and who may use it. */
const OF_THE_DATABASE =
  /^\s*(?:(?:CREATE|ALTER|DROP) DATABASE|COMMENT ON DATABASE|SECURITY LABEL\b[^;"']* ON DATABASE|(?:GRANT|REVOKE)\b[^;"']* ON DATABASE)\b/i;
const ENCODING = /^\s*SET client_encoding = '([^']+)'/i;
const UNICODE = /^(UTF-?8|UNICODE)$/i;

/** Whether a statement is about the database itself, which stands already when a dump is restored. */
export const isOfDatabase = (sql: string): boolean => OF_THE_DATABASE.test(sql);

/**
 * The steps of a dump for a database that is there, as pg_restore without `--create` runs them: a dump must not drop or
 * change the database that it was made of.
 *
 * @throws BackupFailure `unsupported` for statements in an encoding that would be misread; rows pass as they are
 */
export async function* forOneDatabase(items: AsyncIterable<RestoreItem>): AsyncGenerator<RestoreItem, void, undefined> {
  let encoding = 'UTF8';
  for await (const item of items) {
    if (item.kind === 'sql' && isOfDatabase(item.sql)) continue;
    if (item.kind === 'sql') encoding = ENCODING.exec(item.sql)?.[1] ?? encoding;
    if (!UNICODE.test(encoding)) assertNotMisread(item, encoding);
    yield item;
  }
}

function assertNotMisread(item: RestoreItem, encoding: string): void {
  // statements were read as UTF-8
  const foreign = encoding === 'SQL_ASCII' ? /�/ : /[^\0-\x7f]/;
  if (item.kind === 'large-object') return;
  if (item.kind === 'script' ? encoding === 'SQL_ASCII' : !foreign.test(item.sql)) return;
  throw new BackupFailure('unsupported', `the dump is written in ${encoding}, and its statements are not only ASCII`, {
    remedy: 'dump with --encoding=UTF8, or restore it with pg_restore or psql',
  });
}
