export default {
  rootDir: import.meta.dirname,
  testEnvironment: '<rootDir>/scripts/testing/environment.ts',
  // workspace packages resolve to their TypeScript sources: no build is needed before the tests
  testEnvironmentOptions: { customExportConditions: ['@clearway/source', 'node', 'node-addons'] },
  testMatch: [
    '<rootDir>/backend/*/test/**/*.test.ts',
    '<rootDir>/examples/*/test/**/*.test.ts',
    '<rootDir>/scripts/test/**/*.test.ts',
    '<rootDir>/tests/**/*.test.ts',
    '<rootDir>/benchmarks/test/**/*.test.ts',
  ],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/tools/strip-types.cjs' },
  modulePathIgnorePatterns: ['/dist/', '<rootDir>/.data/'],
  // of a test that hangs: on a busy machine a process alone takes ten seconds to start
  testTimeout: 120_000,
  // jest leaves one processor free by default, and on two that is half of them
  maxWorkers: '100%',
  // a busy machine takes longer than the usual half second to end one, which would look like a leak
  workerGracefulExitTimeout: 10_000,
  // only v8: the transform leaves nothing for another one to instrument
  coverageProvider: 'v8',
  // after each suite V8 goes through all code that its worker ever loaded: seconds, when that is of fifty suites
  ...(process.env.CLEARWAY_CHILD_COVERAGE && { workerIdleMemoryLimit: '250MB' }),
  collectCoverageFrom: ['{backend,examples}/*/src/**/*.ts', 'scripts/{stack,testing}/**/*.ts', '!**/generated/**'],
  coverageReporters: ['text-summary', 'lcovonly', 'json-summary'],
  coverageThreshold: { global: { lines: 85 } },
  reporters: ['default', '<rootDir>/scripts/testing/coverage-reporter.ts'],
};
