export default {
  rootDir: import.meta.dirname,
  testEnvironment: 'node',
  // workspace packages resolve to their TypeScript sources: no build is needed before the tests
  testEnvironmentOptions: { customExportConditions: ['@clearway/source', 'node', 'node-addons'] },
  testMatch: [
    '<rootDir>/backend/*/test/**/*.test.ts',
    '<rootDir>/examples/*/test/**/*.test.ts',
    '<rootDir>/scripts/test/**/*.test.ts',
    '<rootDir>/tests/**/*.test.ts',
  ],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/tools/strip-types.cjs' },
  modulePathIgnorePatterns: ['/dist/', '<rootDir>/.data/'],
  testTimeout: 20_000,
};
