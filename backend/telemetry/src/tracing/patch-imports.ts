import { createRequire, registerHooks, syncBuiltinESMExports } from 'node:module';

/**
 * Instrumentations wait for `require`, which an ES module's `import` of a CommonJS package does not pass. The usual
 * answer, a loader hook on a thread of its own, costs a second at start; this one watches for the packages in question
 * and requires each of them just before its first import, which gives both the same, patched, module.
 *
 * @param packages names as they are imported
 */
export function patchOnImport(packages: readonly string[]): void {
  const waiting = new Set(packages);
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      if (waiting.delete(specifier)) {
        requireFrom(context.parentURL, specifier);
        if (waiting.size === 0) hooks.deregister();
      }
      return next(specifier, context);
    },
  });
}

function requireFrom(parentUrl: string | undefined, name: string): void {
  if (!parentUrl?.startsWith('file:')) return;
  try {
    createRequire(parentUrl)(name);
  } catch {
    // the import itself will say what is wrong
  }
}

/**
 * Has Node's own HTTP modules patched now, for the same reason; their named imports are copies that have to be renewed.
 */
export function patchBuiltins(): void {
  const require = createRequire(import.meta.url);
  require('node:http');
  require('node:https');
  syncBuiltinESMExports();
}
