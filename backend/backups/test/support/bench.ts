import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '@clearway/kernel';
import { startTestServer, withTestDatabase } from '@clearway/database/testing';
import pg from 'pg';
import {
  directoryStorage,
  logicalEngine,
  serverScratch,
  urlOfDatabase,
  type BackupEngine,
  type BackupStorage,
  type CreatedBackup,
  type CreateRequest,
  type LogicalEngineOptions,
  type ScratchServer,
} from '../../src/index.ts';

/** A server with databases that go at the end. */
export interface BenchServer {
  /** Of a database that always exists. */
  readonly adminUrl: string;
  readonly url: (database: string) => string;
  /** A name that no other test has. */
  readonly name: (stem: string) => string;
  /** Makes a database and runs a script in it. */
  makeDatabase(stem: string, sql?: string): Promise<string>;
  /** Runs SQL and returns the rows. */
  query<Row extends pg.QueryResultRow>(url: string, sql: string, values?: unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

/** Opens the shared test server, or one of another major version. */
export async function openBenchServer(major?: number): Promise<BenchServer> {
  const suffix = randomBytes(4).toString('hex');
  const shared = major === undefined ? await withTestDatabase({ migrations: null }) : undefined;
  const own = major === undefined ? undefined : await startTestServer({ major });
  const adminUrl = shared?.connectionString ?? own?.url('postgres') ?? '';
  const url = (database: string): string => urlOfDatabase(adminUrl, database);
  const query = async <Row extends pg.QueryResultRow>(at: string, sql: string, values?: unknown[]): Promise<Row[]> => {
    const client = new pg.Client({ connectionString: at });
    await client.connect();
    try {
      return (await client.query<Row>(sql, values)).rows;
    } finally {
      await client.end();
    }
  };
  return {
    adminUrl,
    url,
    name: (stem) => `${stem}_${suffix}`,
    query,
    async makeDatabase(stem, sql) {
      const database = `${stem}_${suffix}`;
      await query(adminUrl, `CREATE DATABASE ${database} TEMPLATE template0`);
      if (sql !== undefined) await query(url(database), sql);
      return url(database);
    },
    async close() {
      const like = await query<{ name: string }>(
        adminUrl,
        'SELECT datname AS name FROM pg_database WHERE datname LIKE $1',
        [`%${suffix}%`],
      );
      for (const { name } of like) await query(adminUrl, `DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
      const roles = await query<{ name: string }>(
        adminUrl,
        'SELECT rolname AS name FROM pg_roles WHERE rolname LIKE $1',
        [`%${suffix}%`],
      );
      for (const { name } of roles) await query(adminUrl, `DROP OWNED BY "${name}"`).catch(() => {});
      for (const { name } of roles) await query(adminUrl, `DROP ROLE "${name}"`).catch(() => {});
      await shared?.close();
      await own?.stop();
    },
  };
}

/** An engine with a directory of its own. */
export interface Bench {
  readonly directory: string;
  readonly engine: BackupEngine;
  readonly storage: BackupStorage;
  /** Makes a backup with usual settings. */
  create(request: Partial<CreateRequest> & { readonly connectionString: string }): Promise<CreatedBackup>;
  close(): void;
}

/** Makes an engine that restores next to the database: the same server is what a test has. */
export function openBench(server: BenchServer, options: Partial<LogicalEngineOptions> = {}): Bench {
  const directory = mkdtempSync(path.join(tmpdir(), 'clearway-backups-'));
  const storage = directoryStorage(directory);
  const engine = logicalEngine({
    clock: systemClock,
    tools: { variables: process.env, pgDump: null },
    workDirectory: directory,
    scratch: besideTheSource(server),
    ...options,
  });
  return {
    directory,
    engine,
    storage,
    create: (request) => engine.create({ storage, acceptNewIdentity: true, ...request }),
    close: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Scratch databases on the test server itself. */
export const besideTheSource = (server: BenchServer): ScratchServer =>
  serverScratch({ clock: systemClock, serverUrl: server.adminUrl, allowSourceServer: true });

/** Copies the folder of a backup, for a test that damages it. */
export function copyFolder(from: string, to: string): void {
  cpSync(from, to, { recursive: true });
}
