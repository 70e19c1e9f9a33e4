import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { guard } from './guardian.ts';
import { startEmbeddedPostgres } from './start-embedded-postgres.ts';

/** A server whose data nobody misses: it goes with the process that started it, also when that is killed. */
export interface TemporaryPostgres {
  /** Connection URL of a database on it, as superuser. */
  readonly url: (database: string) => string;
  /** Such as `15.18`. */
  readonly version: string;
  stop(): Promise<void>;
}

/** How a temporary server is started. */
export interface TemporaryPostgresOptions {
  /** Another major version than the usual one, installed as `embedded-postgres-<major>-<platform>`. */
  readonly major?: number | undefined;
  /** Folder with the programs of an installed PostgreSQL, which are used instead of a package's. */
  readonly programs?: string | undefined;
  /** Further server settings, by name. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Where its folder is made: the system's temporary directory when it is left out. */
  readonly directory?: string | undefined;
  /** Beginning of the folder's name. */
  readonly prefix?: string;
}

/** Faster, and unsafe when the machine stops. */
const UNSAFE_SETTINGS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };

/**
 * Starts a server that lives no longer than this process, on a free port, and removes it with all its data afterwards.
 *
 * @throws when no binaries of the version are installed, or the directory is full
 * @example
 * const server = await startTemporaryPostgres({ major: 18 });
 * const client = new pg.Client({ connectionString: server.url('postgres') });
 */
export async function startTemporaryPostgres(options: TemporaryPostgresOptions = {}): Promise<TemporaryPostgres> {
  const directory = mkdtempSync(join(options.directory ?? tmpdir(), options.prefix ?? 'clearway-temporary-'));
  chmodSync(directory, 0o711); // the server's account passes through; what is inside has its own permissions
  const remove = (): void => rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  try {
    const { major, programs } = options;
    const server = await startEmbeddedPostgres({
      dataDirectory: join(directory, 'postgres'),
      databases: [],
      settings: { ...UNSAFE_SETTINGS, ...options.settings },
      ...(major !== undefined && { major }),
      ...(programs !== undefined && { programs }),
    });
    const release = guard(server.pid, directory);
    return {
      url: server.url,
      version: server.version,
      async stop() {
        await server.stop();
        remove();
        release();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}
