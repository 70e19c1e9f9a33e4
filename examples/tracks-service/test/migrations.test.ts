import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { withTestDatabase } from '@clearway/database/testing';
import { expect, test } from '@jest/globals';
import { migrations } from './support/service.ts';

const cwd = fileURLToPath(new URL('..', import.meta.url));
const prismaCli = fileURLToPath(new URL('../../../node_modules/prisma/build/index.js', import.meta.url));

test('the migrations make what the schema says', async () => {
  const database = await withTestDatabase({ migrations });
  const words = [prismaCli, 'migrate', 'diff', '--from-config-datasource', '--to-schema', 'prisma/schema.prisma'];
  const env = { ...process.env, DATABASE_URL: database.connectionString };
  const output = await new Promise((resolve) => {
    execFile(process.execPath, [...words, '--exit-code'], { cwd, env }, (_error, out, err) => resolve(out + err));
  });
  await database.close();
  expect(output).toContain('No difference detected');
});
