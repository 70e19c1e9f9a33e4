import { OWN_DATABASE, databaseSchema, type DatabaseConfiguration } from '@clearway/contracts';
import { findEmbeddedPostgres, UnreachableError, type WatchSettings } from '@clearway/database';
import path from 'node:path';

const EMBEDDED = /^embedded:(.+)$/;

/**
 * The databases to watch: Clearway's own, and those that are declared. An entry for Clearway's own changes its settings.
 *
 * @param databases the section of `clearway.yaml`
 * @param env where Clearway's own is, and where `npm start` keeps the embedded server
 */
export function watchedDatabases(
  databases: readonly DatabaseConfiguration[],
  env: { readonly DATABASE_URL: string; readonly DATA_DIRECTORY: string },
): WatchSettings[] {
  const own = databases.find(({ id }) => id === OWN_DATABASE) ?? databaseSchema.parse({ id: OWN_DATABASE });
  const others = databases.filter(({ id }) => id !== OWN_DATABASE);
  return [own, ...others].map(({ id, label, url, ...settings }) => ({
    ...settings,
    id,
    label: label ?? id,
    connectionString: () => addressOf(url ?? env.DATABASE_URL, env.DATA_DIRECTORY),
  }));
}

/** An embedded database has the address that its server has at the moment. */
function addressOf(url: string, dataDirectory: string): string {
  const name = EMBEDDED.exec(url)?.[1];
  if (name === undefined) return url;
  const server = findEmbeddedPostgres(path.join(dataDirectory, 'postgres'));
  if (server) return server.url(name);
  const message = 'the embedded server does not run';
  throw new UnreachableError({ kind: 'unreachable', message, remedy: 'npm start starts it' });
}
