import path from 'node:path';
import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const at = (folder) => path.join(import.meta.dirname, folder);

/** The rooms by level: a room may import from lower levels, never sideways (docs/architecture.md). */
const LEVELS = [
  ['backend/kernel', 'backend/contracts'],
  ['backend/telemetry'],
  ['backend/database'],
  ['backend/gateway', 'backend/jobs', 'backend/alerting', 'backend/backups'],
  ['backend/api-gateway', 'backend/worker', 'backend/cli'],
];
const BACKEND = LEVELS.flat();
/** What a user's service may use too. */
const PUBLIC_PACKAGES = ['backend/telemetry', 'backend/gateway', 'backend/jobs'];
const OUTSIDE = ['examples', 'frontend'];

const below = (room) =>
  LEVELS.slice(
    0,
    LEVELS.findIndex((level) => level.includes(room)),
  ).flat();
/** The data plane neither loads Prisma nor needs a database. */
const WITHOUT_DATABASE = ['backend/gateway', 'backend/api-gateway'];
const may = {
  ...Object.fromEntries(
    BACKEND.map((room) => [
      room,
      below(room).filter((lower) => !(lower === 'backend/database' && WITHOUT_DATABASE.includes(room))),
    ]),
  ),
  examples: PUBLIC_PACKAGES,
  frontend: ['backend/contracts'],
};
const rooms = [...BACKEND, ...OUTSIDE];
const zones = rooms.map((room) => ({
  // the tests of an example may use the database's test server
  target: at(room === 'examples' ? 'examples/*/src/**' : room),
  from: rooms.filter((other) => other !== room && !may[room].includes(other)).map(at),
  message: `${room} may import only: ${may[room].join(', ') || 'no other room'}.`,
}));

/** Imports that one place only may make, and the places. */
const RESERVED_IMPORTS = [
  {
    group: ['@sentry/node', '@sentry/node/*'],
    message: 'Only telemetry/src/errors and config/sentry.ts know Sentry: report through @clearway/telemetry.',
    allowed:
      /^(backend\/telemetry\/src\/errors\/|backend\/[^/]+\/src\/config\/sentry\.ts$|examples\/[^/]+\/src\/config\/sentry\.ts$)/,
  },
  {
    group: ['@prisma/*', '!@prisma/instrumentation', 'prisma', 'prisma/*', '**/generated/client*'],
    message: 'Only database and the examples know Prisma: use a repository of @clearway/database.',
    allowed: /^(backend\/database\/|examples\/)/,
  },
];
const restrictedImports = (file) => [
  'error',
  {
    patterns: RESERVED_IMPORTS.filter(({ allowed }) => !allowed.test(file)).map(({ group, message }) => ({
      group,
      message,
    })),
  },
];

const noEnvironment = {
  object: 'process',
  property: 'env',
  message: 'Only config/ reads the environment: take the value as an argument.',
};
const noImportedEnvironment = {
  selector: "ImportDeclaration[source.value=/^(node:)?process$/] > ImportSpecifier[imported.name='env']",
  message: noEnvironment.message,
};
const noExportAll = {
  selector: 'ExportAllDeclaration',
  message: 'Name what is exported: a package has one index.ts of named exports.',
};

export default defineConfig(
  globalIgnores(['**/dist/', '**/generated/', '**/.next/', '**/node_modules/', '**/coverage/', '.data/', 'frontend/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowNullish: true },
      ],
    },
  },
  {
    files: ['**/*.{ts,mjs,js,cjs}'],
    plugins: { 'import-x': importX },
    settings: {
      // without these, no-cycle sees no TypeScript file and passes silently
      ...importX.flatConfigs.typescript.settings,
      'import-x/external-module-folders': ['node_modules'],
      'import-x/resolver-next': [
        createTypeScriptImportResolver({
          noWarnOnMultipleProjects: true,
          project: ['backend/*/tsconfig.json', 'examples/*/tsconfig.json'].map(at),
          conditionNames: ['@clearway/source', 'types', 'import', 'node', 'default'],
          alwaysTryTypes: true,
        }),
        createNodeResolver(),
      ],
    },
    rules: {
      'import-x/no-restricted-paths': ['error', { zones }],
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      'import-x/no-unresolved': ['error', { ignore: ['/generated/'] }],
      'max-lines': ['error', 500],
      'no-restricted-syntax': ['error', noExportAll],
    },
  },
  { files: ['**/*.{ts,mjs,js,cjs}'], rules: { 'no-restricted-imports': restrictedImports('') } },
  {
    files: ['backend/telemetry/src/errors/**', '{backend,examples}/*/src/config/sentry.ts'],
    rules: { 'no-restricted-imports': restrictedImports('backend/telemetry/src/errors/') },
  },
  { files: ['backend/database/**'], rules: { 'no-restricted-imports': restrictedImports('backend/database/') } },
  { files: ['examples/**'], rules: { 'no-restricted-imports': restrictedImports('examples/') } },
  {
    files: ['examples/*/src/config/sentry.ts'],
    rules: { 'no-restricted-imports': restrictedImports('examples/tracks-service/src/config/sentry.ts') },
  },
  {
    files: ['{backend,examples}/*/src/**/*.ts'],
    ignores: ['**/config/**'],
    rules: {
      'no-restricted-properties': ['error', noEnvironment],
      'no-restricted-syntax': ['error', noExportAll, noImportedEnvironment],
    },
  },
  {
    files: ['**/test/**/*.ts', 'tests/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
    },
  },
  // a package declares what it imports; tests and tools may also use the root's devDependencies
  ...[...BACKEND, 'examples/tracks-service'].flatMap((room) => [
    {
      files: [`${room}/src/**/*.ts`],
      rules: { 'import-x/no-extraneous-dependencies': ['error', { devDependencies: false, packageDir: [at(room)] }] },
    },
    {
      files: [`${room}/{test,tools}/**/*.{ts,mjs}`],
      rules: { 'import-x/no-extraneous-dependencies': ['error', { packageDir: [at(room), at('.')] }] },
    },
  ]),
  {
    files: ['**/*.{mjs,js,cjs}'],
    languageOptions: {
      globals: Object.fromEntries(
        [
          'process',
          'console',
          'performance',
          'Buffer',
          'WebAssembly',
          'URL',
          'setTimeout',
          'clearTimeout',
          'setInterval',
          'clearInterval',
          'fetch',
          'AbortSignal',
          'require',
        ]
          .map((name) => [name, 'readonly'])
          .concat([['module', 'writable']]),
      ),
    },
  },
  prettier,
);
