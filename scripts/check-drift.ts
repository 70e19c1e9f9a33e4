// Whether the migrations make what the schemas say, on a real server: node -C @clearway/source scripts/check-drift.ts
import path from 'node:path';
import { migrateDeploy } from '@clearway/database';
import { startTestServer, withTestDatabase } from '@clearway/database/testing';
import { driftOf } from './drift/drift-of.ts';

const root = path.join(import.meta.dirname, '..');
const server = await startTestServer();
let hasDrift = false;
try {
  for (const workspace of ['backend/database', 'examples/tracks-service']) {
    const folder = path.join(root, workspace);
    const database = await withTestDatabase({ migrations: null, serverUrl: server.url('postgres') });
    const { connectionString } = database;
    const applied = await migrateDeploy({ connectionString, directory: path.join(folder, 'prisma/migrations') });
    const drift = await driftOf(folder, connectionString);
    hasDrift ||= drift !== undefined;
    console.log(
      `${workspace}: ${drift === undefined ? `no drift after ${applied.length} migrations` : `drift\n${drift}`}`,
    );
    await database.close();
  }
} finally {
  await server.stop();
}
if (hasDrift)
  console.error('The schema says something else than the migrations make: add a migration, npx prisma migrate dev.');
process.exitCode = hasDrift ? 1 : 0;
