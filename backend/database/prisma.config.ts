import { fileURLToPath } from 'node:url';
import { defineConfig } from 'prisma/config';

// Prisma would download a native schema engine before any command; this one is built from packages of the lock file.
process.env['PRISMA_SCHEMA_ENGINE_BINARY'] ??= fileURLToPath(new URL('./tools/schema-engine.mjs', import.meta.url));
process.env['CHECKPOINT_DISABLE'] ??= '1';

const url = process.env['DATABASE_URL'];

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  // generate and validate need no database
  ...(url !== undefined && { datasource: { url } }),
});
