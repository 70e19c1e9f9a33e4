// Runs what was built, and in a clone that was not built yet the sources.
import { existsSync } from 'node:fs';
import { registerHooks } from 'node:module';

const built = new URL('../dist/index.js', import.meta.url);
const isBuilt = existsSync(built);
if (!isBuilt && !existsSync(new URL('../../database/src/generated', import.meta.url))) {
  console.error('Nothing is built yet: npm run build (npm start does it, too).');
  process.exit(69);
}
if (!isBuilt) {
  // what `node -C @clearway/source` does, for a process that is running already
  registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, { ...context, conditions: ['@clearway/source', ...context.conditions] }),
  });
}
const { runProcess } = await import(isBuilt ? built.href : '../src/index.ts');
await runProcess();
