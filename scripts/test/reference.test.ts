import { beforeAll, describe, expect, test } from '@jest/globals';
import { clearwayJsonSchema, clearwaySchema } from '@clearway/gateway';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { configurationKeys } from '../reference/configuration.ts';
import { referenceFiles } from '../reference/files.ts';

const root = path.join(import.meta.dirname, '../..');
const NAMES = [
  'clearway.schema.json',
  '.env.example',
  'docs/reference/configuration.md',
  'docs/reference/environment.md',
  'docs/reference/failure-classes.md',
  'docs/reference/metrics.md',
  'docs/reference/cli.md',
];

describe('the generated reference', () => {
  let now: Map<string, string>;
  beforeAll(async () => {
    now = await referenceFiles(root);
  });

  test('consists of these files', () => {
    expect([...now.keys()]).toEqual(NAMES);
  });

  test.each(NAMES)('%s is what the generator would write now (else: npm run generate:reference)', (name) => {
    expect(readFileSync(path.join(root, name), 'utf8')).toBe(now.get(name));
  });
});

describe('the configuration reference', () => {
  const keys = configurationKeys(clearwayJsonSchema());

  test('gives every key a meaning', () => {
    const mute = keys
      .filter(({ path, description }) => description === '' && path !== 'version')
      .map((key) => key.path);
    expect(mute).toEqual([]);
  });

  test('has every section, down to what entries of lists and maps hold', () => {
    expect(keys.map(({ path }) => path)).toEqual(
      expect.arrayContaining([
        ...Object.keys(clearwaySchema.sections),
        'upstreams.<name>.targets[].url',
        'routes[].policies.rateLimit.limit',
        'checks[].url',
      ]),
    );
  });

  test('says what values a key takes, and which must be given', () => {
    const key = (wanted: string) => keys.find(({ path }) => path === wanted);
    expect(key('upstreams.<name>.balance')).toMatchObject({ type: 'round-robin, weighted, least-in-flight' });
    expect(key('server.drain.limitMs')).toMatchObject({ type: 'whole number, from 1 to 86400000', default: '10000' });
    expect(key('routes[].match.path')).toMatchObject({ required: true });
    expect(key('routes[].slo.availability')).toMatchObject({ type: 'number, above 0 below 100' });
  });
});
