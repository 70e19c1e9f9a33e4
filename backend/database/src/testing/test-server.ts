import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../embedded/start-embedded-postgres.ts';
import { guard } from './guardian.ts';

/** A server that lives no longer than the tests. */
export interface TestServer {
  /** Connection URL of a database on it. */
  readonly url: (database: string) => string;
  stop(): Promise<void>;
}

/** Faster, and unsafe when the machine stops: nobody misses a test's data. */
const UNSAFE_SETTINGS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: 200 };

/** What a test asks of its own server. */
export interface TestServerOptions {
  /** Major version; the usual one when it is left out. */
  readonly major?: number;
  /** Further server settings, by name. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

/** Starts a throw-away server below the system's temporary directory, on a free port. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const directory = mkdtempSync(join(tmpdir(), 'clearway-test-'));
  chmodSync(directory, 0o711); // the server's account passes through; what is inside has its own permissions
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  try {
    const dataDirectory = join(directory, 'postgres');
    const settings = { ...UNSAFE_SETTINGS, ...options.settings };
    const { major } = options;
    const server = await startEmbeddedPostgres({
      dataDirectory,
      databases: [],
      settings,
      ...(major !== undefined && { major }),
    });
    const release = guard(server.pid, directory);
    return {
      url: server.url,
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

/** The server that the test run shares, named by one of its connection URLs. */
export function sharedTestServer(connectionString: string): TestServer {
  const url = (database: string): string => {
    const parsed = new URL(connectionString);
    parsed.pathname = `/${encodeURIComponent(database)}`;
    return parsed.toString();
  };
  return { url, stop: () => Promise.resolve() };
}
