import { FAILURE_REASONS } from '@clearway/kernel';
import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { codeSpansOf, readDocuments, ROOT } from './support/documents.ts';

const reference = (name: string): string => readFileSync(path.join(ROOT, 'docs/reference', name), 'utf8');
const documents = readDocuments().filter(({ name }) => !name.startsWith('docs/reference/') && name.startsWith('docs/'));
const mentions = documents.flatMap((document) => [
  ...codeSpansOf(document).map(({ line, text }) => ({ at: `${document.name}:${line}`, text })),
  ...document.blocks.map(({ line, text }) => ({ at: `${document.name}:${line}`, text })),
]);

/** Variables that others define, and names that only look like variables. */
const NOT_OURS = new Set([
  'ORDERS_URL',
  'SHOP_DATABASE_URL',
  'SHOP_OWNER_URL',
  'SUPABASE_KEY',
  'NEON_KEY',
  'POSTGRES_PASSWORD',
  'VIEWER_TOKEN',
  'OPERATOR_TOKEN',
  'NODE_EXTRA_CA_CERTS',
  'ON_ERROR_STOP',
  'JOB_TOKEN',
  'DATABASE_PUBLIC_URL',
  'MAINPID',
  'LISTEN',
  'NOTIFY',
  'SIGTERM',
  'SIGINT',
  'SIGHUP',
]);

function unknownNames(pattern: RegExp, isKnown: (name: string) => boolean): string[] {
  return mentions.flatMap(({ at, text }) =>
    [...text.matchAll(pattern)].filter(([name]) => !isKnown(name)).map(([name]) => `${at}: ${name}`),
  );
}

describe('names in the documents', () => {
  test('of metrics are in the reference', () => {
    const known = reference('metrics.md');
    const isKnown = (name: string): boolean => known.includes(`\`${name.replace(/_(bucket|sum|count)$/, '')}\``);
    // a name that ends with an underscore is the beginning of several
    expect(
      unknownNames(/\bclearway_[a-z_]*[a-z]\b(?!_)/g, (name) => isKnown(name) || known.includes(`\`${name}_`)),
    ).toEqual([]);
  });

  test('of variables are in the reference, or are the standard ones of OpenTelemetry', () => {
    const known = reference('environment.md');
    const isKnown = (name: string): boolean =>
      known.includes(`\`${name}\``) || known.includes(`\`${name}_`) || /^OTEL_(BSP|SDK|TRACES)_/.test(name);
    const names = unknownNames(/\b[A-Z]{2,}(?:_[A-Z]+)+\b/g, (name) => isKnown(name) || NOT_OURS.has(name));
    expect(names).toEqual([]);
  });

  test('of failure classes exist, wherever an answer or a metric shows one', () => {
    const shown = mentions.flatMap(({ at, text }) =>
      [...text.matchAll(/(?:Clearway-Reason: |reason=")([a-z][a-z0-9_]+)/g)].map(([, reason = '']) => ({ at, reason })),
    );
    expect(shown.length).toBeGreaterThan(0);
    const reasons: readonly string[] = [...FAILURE_REASONS, 'none'];
    expect(shown.filter(({ reason }) => !reasons.includes(reason))).toEqual([]);
  });
});
