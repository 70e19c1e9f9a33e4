import path from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { ESLint } from 'eslint';

const root = path.dirname(import.meta.dirname);
let eslint: ESLint;

beforeAll(() => {
  // without types: the rules of this test need none, and planted files belong to no project
  const withoutTypes = { files: ['**/*.ts'], languageOptions: { parserOptions: { projectService: false } } };
  const typed = /^@typescript-eslint\//;
  eslint = new ESLint({ cwd: root, overrideConfig: [withoutTypes], ruleFilter: ({ ruleId }) => !typed.test(ruleId) });
});

/** Lints `code` as if it stood in `file`, and returns the rules that refuse it. */
async function refusals(file: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath: path.join(root, file) });
  const fatal = result?.messages.find((message) => message.fatal);
  if (fatal) throw new Error(fatal.message);
  return (result?.messages ?? []).map(({ ruleId }) => ruleId ?? '');
}

const importing = (name: string) => `import * as it from '${name}';\nexport const used = it;\n`;

describe('import zones', () => {
  test.each([
    ['kernel imports nothing of ours', 'backend/kernel/src/planted.ts', '@clearway/telemetry'],
    ['contracts do not import the kernel, beside them', 'backend/contracts/src/planted.ts', '@clearway/kernel'],
    ['telemetry does not import the database above it', 'backend/telemetry/src/planted.ts', '@clearway/database'],
    ['the database does not import a process', 'backend/database/src/planted.ts', '@clearway/worker'],
    ['the gateway does not import the database', 'backend/gateway/src/planted.ts', '@clearway/database'],
    ['the gateway process does not import the database', 'backend/api-gateway/src/planted.ts', '@clearway/database'],
    ['processes do not import each other', 'backend/worker/src/planted.ts', '@clearway/api-gateway'],
    ['the command does not import a process', 'backend/cli/src/planted.ts', '@clearway/worker'],
    ['the examples use public packages only', 'examples/tracks-service/src/planted.ts', '@clearway/kernel'],
    ['nothing imports the examples', 'backend/worker/src/planted.ts', '@clearway/tracks-service/seed'],
  ])('%s', async (_name, file, imported) => {
    expect(await refusals(file, importing(imported))).toContain('import-x/no-restricted-paths');
  });

  test('a relative path is no way around them', async () => {
    const found = await refusals('backend/kernel/src/planted.ts', importing('../../telemetry/src/index.ts'));
    expect(found).toContain('import-x/no-restricted-paths');
  });

  test.each([
    ['backend/telemetry/src/planted.ts', '@clearway/kernel'],
    ['backend/gateway/src/planted.ts', '@clearway/telemetry'],
    ['backend/worker/src/planted.ts', '@clearway/database'],
    ['backend/api-gateway/src/planted.ts', '@clearway/gateway'],
    ['examples/tracks-service/src/planted.ts', '@clearway/telemetry'],
  ])('%s may import %s', async (file, imported) => {
    expect(await refusals(file, importing(imported))).toEqual([]);
  });
});

describe('reserved imports', () => {
  test('only the errors of telemetry and config/sentry.ts import Sentry', async () => {
    const sentry = importing('@sentry/node');
    for (const file of ['backend/worker/src/planted.ts', 'backend/telemetry/src/tracing/planted.ts']) {
      expect(await refusals(file, sentry)).toContain('no-restricted-imports');
    }
    for (const file of ['backend/telemetry/src/errors/planted.ts', 'backend/api-gateway/src/config/sentry.ts']) {
      expect(await refusals(file, sentry)).not.toContain('no-restricted-imports');
    }
  });

  test('only the database and the examples import Prisma', async () => {
    const prisma = importing('@prisma/client');
    for (const file of ['backend/worker/src/planted.ts', 'backend/telemetry/src/errors/planted.ts']) {
      expect(await refusals(file, prisma)).toContain('no-restricted-imports');
    }
    for (const file of ['backend/database/src/planted.ts', 'examples/tracks-service/src/planted.ts']) {
      expect(await refusals(file, prisma)).toEqual([]);
    }
  });

  test('a package declares what it imports', async () => {
    const found = await refusals('backend/kernel/src/planted.ts', importing('express'));
    expect(found).toContain('import-x/no-extraneous-dependencies');
  });

  test('what cannot be resolved is refused', async () => {
    const found = await refusals('backend/kernel/src/planted.ts', importing('./no-such-file.ts'));
    expect(found).toContain('import-x/no-unresolved');
  });
});

describe('house rules', () => {
  test('only config/ reads the environment', async () => {
    const code = `export const port = process.env['PORT'];\n`;
    expect(await refusals('backend/worker/src/planted.ts', code)).toContain('no-restricted-properties');
    expect(await refusals('examples/tracks-service/src/planted.ts', code)).toContain('no-restricted-properties');
    for (const file of ['backend/worker/src/config/env.ts', 'scripts/planted.ts', 'backend/worker/test/planted.ts']) {
      expect(await refusals(file, code)).toEqual([]);
    }
  });

  test('there is no way around that by taking env out of process', async () => {
    const code = `const { env } = process;\nexport const port = env['PORT'];\n`;
    expect(await refusals('backend/worker/src/planted.ts', code)).toContain('no-restricted-properties');
    const imported = `import { env } from 'node:process';\nexport const port = env['PORT'];\n`;
    expect(await refusals('backend/worker/src/planted.ts', imported)).toContain('no-restricted-syntax');
  });

  test('exports are named', async () => {
    expect(await refusals('backend/kernel/src/planted.ts', `export * from './clock.ts';\n`)).toContain(
      'no-restricted-syntax',
    );
  });

  test('a file has at most 500 lines', async () => {
    expect(await refusals('backend/kernel/src/planted.ts', '// line\n'.repeat(501))).toContain('max-lines');
  });

  test('a promise that nobody waits for is an error', async () => {
    const config = (await eslint.calculateConfigForFile(path.join(root, 'backend/worker/src/main.ts'))) as {
      rules: Record<string, unknown[]>;
    };
    expect(config.rules['@typescript-eslint/no-floating-promises']?.[0]).toBe(2);
  });
});
