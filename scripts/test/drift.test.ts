import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { driftOf } from '../drift/drift-of.ts';

const folder = path.join(import.meta.dirname, '../../examples/tracks-service');
let database: TestDatabase;
let scratch: string;
beforeAll(async () => {
  scratch = mkdtempSync(path.join(tmpdir(), 'clearway-drift-'));
  database = await withTestDatabase({ migrations: path.join(folder, 'prisma/migrations') });
});
afterAll(async () => {
  await database?.close();
  rmSync(scratch, { recursive: true, force: true });
});

describe('the drift check', () => {
  test('finds a column that no migration makes, and says what is missing', async () => {
    const schema = readFileSync(path.join(folder, 'prisma/schema.prisma'), 'utf8');
    const changed = path.join(scratch, 'schema.prisma');
    writeFileSync(changed, schema.replace('model Playlist {', 'model Playlist {\n  cover String?'));
    expect(await driftOf(folder, database.connectionString, changed)).toBe(
      '-- AlterTable\nALTER TABLE "playlists" ADD COLUMN     "cover" TEXT;',
    );
  });

  test('fails when it could not compare, instead of finding nothing', async () => {
    const nowhere = database.connectionString.replace(/\/[^/]*$/, '/nowhere');
    await expect(driftOf(folder, nowhere)).rejects.toThrow('prisma migrate diff failed');
  });
});
