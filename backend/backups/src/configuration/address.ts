import path from 'node:path';
import { OWN_DATABASE } from '@clearway/contracts';
import { findEmbeddedPostgres } from '@clearway/database';
import { databaseOfUrl } from '../connection/session.ts';
import { BackupFailure } from '../failures.ts';

/** What says where databases are. */
export interface AddressSources {
  readonly databases: readonly { readonly id: string; readonly url?: string | undefined }[];
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Where `npm start` keeps its data. */
  readonly dataDirectory: string;
}

const EMBEDDED = /^embedded:(.+)$/;

/**
 * The URL of a database by its id: as `databases` says, else `DATABASE_URL`, else the embedded one while it runs.
 *
 * @throws BackupFailure `unreachable` when it is nowhere at the moment
 */
export function addressOfDatabase(id: string, sources: AddressSources): string {
  return resolveAddress(writtenAddress(id, sources), sources);
}

/** The name of a database on its server, which need not run. */
export function nameOfDatabase(id: string, sources: AddressSources): string {
  const address = writtenAddress(id, sources);
  return EMBEDDED.exec(address)?.[1] ?? databaseOfUrl(address);
}

function writtenAddress(id: string, sources: AddressSources): string {
  const url = sources.databases.find((database) => database.id === id)?.url;
  const own = id === OWN_DATABASE ? sources.variables['DATABASE_URL'] || `embedded:${OWN_DATABASE}` : undefined;
  const address = url ?? own;
  if (address !== undefined) return address;
  throw new BackupFailure('not-found', `there is no database '${id}'`, { remedy: 'declare it in databases' });
}

/**
 * The URL for an address that may be `embedded:NAME`.
 *
 * @throws BackupFailure `unreachable`
 */
export function resolveAddress(address: string, { dataDirectory }: Pick<AddressSources, 'dataDirectory'>): string {
  const name = EMBEDDED.exec(address)?.[1];
  if (name === undefined) return address;
  const server = findEmbeddedPostgres(path.join(dataDirectory, 'postgres'));
  if (server) return server.url(name);
  throw new BackupFailure('unreachable', `the embedded server does not run, and ${name} is on it`, {
    remedy: 'npm start starts it',
  });
}
