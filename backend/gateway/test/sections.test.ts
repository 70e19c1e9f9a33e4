import { ConfigurationError } from '@clearway/kernel';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadClearwayFile, loadSections } from '../src/index.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'clearway-sections-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(text: string): string {
  const name = path.join(folder, 'clearway.yaml');
  writeFileSync(name, `version: 1\n${text}`);
  return name;
}

describe('the sections of one process', () => {
  const DATABASES = 'databases:\n  - { id: shop, url: env:SHOP_URL }\n';

  test('are all that it keeps: the secrets of others stay where they are', () => {
    const variables = { SHOP_URL: 'postgresql://watcher:hunter2@db/shop' };
    const { configuration, warnings } = loadSections(file(DATABASES), variables, ['checks']);
    expect(configuration).toEqual({ checks: [] });
    expect(warnings).toEqual([]);
    expect(loadSections(file(DATABASES), variables, ['databases']).configuration.databases[0]?.url).toContain(
      'hunter2',
    );
  });

  test('decide whether it starts: a fault of another section is a warning', () => {
    const { configuration, warnings } = loadSections(file(DATABASES), {}, ['checks']);
    expect(configuration).toEqual({ checks: [] });
    expect(warnings.map(({ path: at, message }) => `${at}: ${message}`)).toEqual([
      'databases[0].url: the variable SHOP_URL is not set',
    ]);
    expect(() => loadSections(file(DATABASES), {}, ['databases'])).toThrow(ConfigurationError);
    expect(() => loadClearwayFile(file(DATABASES), {})).toThrow('SHOP_URL');
  });

  test('tell what a source of figures lacks, and the keys that it knows', () => {
    const text = `databases:
  - id: clearway
    resources: { from: supabase, projcet: abcdefghijklmnopqrst, secretKey: env:KEY }
`;
    expect(() => loadClearwayFile(file(text), { KEY: 'sb_secret_1' })).toThrow(/did you mean 'project'/);
    const unknown = 'databases:\n  - { id: clearway, resources: { from: datadog } }\n';
    expect(() => loadClearwayFile(file(unknown), {})).toThrow(/host.*supabase.*neon.*promql/);
  });
});
