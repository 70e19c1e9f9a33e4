import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { isAllowed, shippedPackages } from '../check-licences.ts';
import { childCoverage } from '../testing/child-coverage.ts';
import { measuresCoverage } from '../testing/jest.ts';
import { testVariables } from '../testing/variables.ts';
import { folder } from './support/folder.ts';

describe('npm test', () => {
  test('measures coverage only when it is asked to', () => {
    expect(measuresCoverage([])).toBe(false);
    expect(measuresCoverage(['backend/kernel', '--no-coverage'])).toBe(false);
    expect(measuresCoverage(['--coverage=false'])).toBe(false);
    expect(measuresCoverage(['--json', '--coverage'])).toBe(true);
  });

  test('keeps the tests away from what the caller has set up', () => {
    const variables = testVariables({
      PATH: '/bin',
      HTTP_PROXY: 'http://proxy',
      TEST_DATABASE_URL: 'postgresql://h/x',
      DATABASE_URL: 'postgresql://production/x',
      SENTRY_DSN: 'https://key@sentry.example/1',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example',
      NODE_ENV: 'production',
      CLEARWAY_CONFIG: '/etc/clearway.yaml',
      CLEARWAY_REDIS_SERVER: '/usr/bin/redis-server',
    });
    expect(Object.keys(variables)).toEqual(['PATH', 'HTTP_PROXY', 'TEST_DATABASE_URL', 'CLEARWAY_REDIS_SERVER']);
  });

  test('counts what a child process executed', async () => {
    const root = folder({
      'scripts/child.ts': 'const ran: number = 1;\nif (ran > 1) {\n  process.exit(2);\n}\n',
      'coverage/half': '{',
    });
    const [script, directory] = [path.join(root, 'scripts/child.ts'), path.join(root, 'coverage')];
    const child = spawn(process.execPath, [script], { env: { NODE_V8_COVERAGE: directory }, stdio: 'inherit' });
    await once(child, 'exit');
    const map = await childCoverage(root, directory, () => true);
    expect(map.files()).toEqual([script]);
    expect(map.fileCoverageFor(script).getLineCoverage()).toEqual({ 1: 1, 2: 1, 3: 0, 4: 0 });
  });
});

describe('licences', () => {
  test('those count that reach a user: not what only development needs', () => {
    const installed = {
      'backend/kernel': { version: '0.1.0' },
      'node_modules/@clearway/kernel': { version: '0.1.0', link: true },
      'node_modules/express': { version: '5.3.0' },
      'node_modules/express/node_modules/@scope/inner': { version: '1.0.0' },
      'node_modules/string-width-cjs': { name: 'string-width', version: '4.2.3' },
      'node_modules/jest': { version: '30.5.2', dev: true },
      'node_modules/prisma': { version: '7.10.0', devOptional: true },
    };
    expect(shippedPackages(installed)).toEqual(['express@5.3.0', '@scope/inner@1.0.0', 'string-width@4.2.3']);
  });

  test.each([
    ['MIT', true],
    ['(MIT OR GPL-3.0)', true],
    ['MIT AND GPL-3.0', false],
    ['GPL-3.0', false],
    ['AGPL-3.0-only', false],
    ['MIT*', false],
    ['unknown', false],
  ])('%s is allowed: %s', (licence, expected) => {
    expect(isAllowed(licence)).toBe(expected);
  });
});
