import { execFile } from 'node:child_process';
import path from 'node:path';

const ROOT = path.join(import.meta.dirname, '../..');
const PRISMA = path.join(ROOT, 'node_modules/prisma/build/index.js');
/** Of `prisma migrate diff --exit-code`. */
const DIFFERENT = 2;

/**
 * Compares a migrated database with a Prisma schema.
 *
 * @param folder of the package with prisma.config.ts
 * @param schema file of the schema, relative to the folder
 * @returns the SQL that would make the database what the schema says; undefined when it is
 * @throws Error when Prisma could not compare them
 */
export function driftOf(
  folder: string,
  connectionString: string,
  schema = 'prisma/schema.prisma',
): Promise<string | undefined> {
  const words = ['migrate', 'diff', '--from-config-datasource', '--to-schema', schema, '--script', '--exit-code'];
  const env = { ...process.env, DATABASE_URL: connectionString, PRISMA_HIDE_UPDATE_MESSAGE: '1' };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [PRISMA, ...words], { cwd: folder, env }, (error, out, err) => {
      if (!error) return resolve(undefined);
      if (error.code === DIFFERENT) return resolve(out.trim());
      reject(new Error(`prisma migrate diff failed in ${folder}: ${err.trim()}`, { cause: error }));
    });
  });
}
