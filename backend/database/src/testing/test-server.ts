import { startTemporaryPostgres } from '../embedded/temporary-postgres.ts';

/** A server that lives no longer than the tests. */
export interface TestServer {
  /** Connection URL of a database on it. */
  readonly url: (database: string) => string;
  stop(): Promise<void>;
}

/** What a test asks of its own server. */
export interface TestServerOptions {
  /** Major version; the usual one when it is left out. */
  readonly major?: number;
  /** Further server settings, by name. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

/** Starts a throw-away server below the system's temporary directory, on a free port. */
export function startTestServer({ major, settings }: TestServerOptions = {}): Promise<TestServer> {
  const prefix = 'clearway-test-';
  return startTemporaryPostgres({ major, prefix, settings: { max_connections: 200, ...settings } });
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
