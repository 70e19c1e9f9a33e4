import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withTestDatabase } from '@clearway/database/testing';
import { buildApp } from '../../src/app.ts';
import { openDatabase, type Database } from '../../src/database.ts';
import { createDrain, type Drain } from '../../src/http/drain.ts';
import { openUploadStore, type UploadStore } from '../../src/tracks/upload-store.ts';

export const migrations = fileURLToPath(new URL('../../prisma/migrations', import.meta.url));

/** The service over a database and a directory of its own. */
export interface TestService {
  readonly server: Server;
  readonly port: number;
  readonly database: Database;
  readonly uploads: UploadStore;
  readonly connectionString: string;
  readonly drain: Drain;
  close(): Promise<void>;
}

export const MAX_UPLOAD_BYTES = 1_000_000;

/** Starts the service on a free port. */
export async function startService(): Promise<TestService> {
  const testDatabase = await withTestDatabase({ migrations });
  const { connectionString } = testDatabase;
  const directory = mkdtempSync(join(tmpdir(), 'tracks-test-'));
  const uploads = await openUploadStore(join(directory, 'uploads'), MAX_UPLOAD_BYTES);
  const database = openDatabase(connectionString);
  const drain = createDrain();
  const app = buildApp({ database, uploads, maxUploadBytes: MAX_UPLOAD_BYTES, drain });
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await database.$disconnect();
    await testDatabase.close();
    rmSync(directory, { recursive: true, force: true });
  };
  const { port } = server.address() as AddressInfo;
  return { server, port, database, uploads, connectionString, drain, close };
}
