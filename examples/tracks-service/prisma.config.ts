import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'prisma/config';

// Inside Clearway's repository the schema engine comes from there, so that nothing has to be downloaded. A service of
// your own leaves this out.
const engine = fileURLToPath(new URL('../../backend/database/tools/schema-engine.mjs', import.meta.url));
if (existsSync(engine)) process.env['PRISMA_SCHEMA_ENGINE_BINARY'] ??= engine;
process.env['CHECKPOINT_DISABLE'] ??= '1';

const url = process.env['DATABASE_URL'];

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  // generate and validate need no database
  ...(url !== undefined && { datasource: { url } }),
});
