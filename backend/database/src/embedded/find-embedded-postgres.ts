import { join } from 'node:path';
import { SUPERUSER } from './cluster.ts';
import { readIfPresent } from './files.ts';
import { identifyProcess } from './processes.ts';

/** An embedded server that somebody started. */
export interface FoundPostgres {
  readonly port: number;
  readonly pid: number;
  readonly ready: boolean;
  /** Connection URL of a database, with the password. */
  readonly url: (database: string) => string;
}

/**
 * Finds the embedded server that runs in a data directory. Only looks: nothing is started, made or changed.
 *
 * @param dataDirectory as `startEmbeddedPostgres` was given it
 * @returns undefined when none runs
 * @throws when this account may not read its files
 */
export function findEmbeddedPostgres(dataDirectory: string): FoundPostgres | undefined {
  const place = readIfPresent(`${dataDirectory}.location`)?.trim();
  const directory = place ? join(place, 'cluster') : dataDirectory;
  const lines = readIfPresent(join(directory, 'data', 'postmaster.pid'))?.split('\n') ?? [];
  const password = readIfPresent(join(directory, 'password'))?.trim();
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  if (password === undefined || !(pid > 0) || identifyProcess(pid) === undefined) return undefined;
  return {
    port,
    pid,
    ready: /^ready/.test(lines[7] ?? ''),
    url: (database) => `postgresql://${SUPERUSER}:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`,
  };
}
