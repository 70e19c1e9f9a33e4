// Migrates both databases and fills the example's, for deployments that do not use npm start. Needs a built tree.
//   DATABASE_URL=… TRACKS_DATABASE_URL=… node scripts/prepare-databases.ts
import path from 'node:path';
import { migrate, seedExample } from './stack/databases.ts';

const { DATABASE_URL: clearway, TRACKS_DATABASE_URL: tracks } = process.env;
if (!clearway || !tracks) {
  process.stderr.write('set DATABASE_URL and TRACKS_DATABASE_URL\n');
  process.exit(78);
}
const count = await migrate(path.dirname(import.meta.dirname), { clearway, tracks });
await seedExample({ clearway, tracks });
process.stdout.write(`${count} migrations applied, example data in place\n`);
