import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { MONITORING_SQL } from '../src/monitoring/functions/install-monitoring.ts';

/**
 * Writes the definitions of the monitoring functions into a new migration when the newest one has another text: a
 * migration that was applied somewhere is never changed.
 */
const folder = path.join(import.meta.dirname, '../prisma/migrations');
const SUFFIX = '_monitoring_functions';
const HEAD = '-- Generated from src/monitoring: npm run generate:monitoring -w backend/database\n';

const newest = (await readdir(folder))
  .filter((name) => name.endsWith(SUFFIX))
  .sort()
  .at(-1);
const now = newest && (await readFile(path.join(folder, newest, 'migration.sql'), 'utf8'));
if (now === HEAD + MONITORING_SQL) {
  process.stdout.write(`${newest} is up to date\n`);
} else {
  const stamp = new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14);
  const target = path.join(folder, `${stamp}${SUFFIX}`);
  await mkdir(target);
  await writeFile(path.join(target, 'migration.sql'), HEAD + MONITORING_SQL);
  process.stdout.write(`wrote ${path.basename(target)}\n`);
}
