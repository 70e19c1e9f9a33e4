import { describe, expect, test } from '@jest/globals';
import { existsSync, globSync, statSync } from 'node:fs';
import path from 'node:path';
import { anchorsOf, linksOf, parseDocument, readDocuments, ROOT, type Document } from './support/documents.ts';

const documents = readDocuments();
const byName = new Map(documents.map((document) => [document.name, document]));
const isRelative = (target: string): boolean => !/^[a-z]+:/.test(target);

/** Why a link leads nowhere; undefined when it leads somewhere. */
function problemOf(document: Document, target: string): string | undefined {
  const [file = '', anchor] = target.split('#');
  const name = file === '' ? document.name : path.posix.join(path.posix.dirname(document.name), decodeURI(file));
  if (name.startsWith('..') || !existsSync(path.join(ROOT, name))) return `there is no ${name}`;
  if (anchor === undefined) return undefined;
  const linked = byName.get(name);
  return linked && anchorsOf(linked).has(anchor) ? undefined : `${name} has no heading #${anchor}`;
}

describe('the documents', () => {
  test('lead nowhere into the void: every relative link and anchor is there', () => {
    const broken = documents.flatMap((document) =>
      linksOf(document)
        .filter(({ target }) => isRelative(target))
        .map(({ line, target }) => ({ at: `${document.name}:${line}`, problem: problemOf(document, target) }))
        .filter(({ problem }) => problem !== undefined),
    );
    expect(broken).toEqual([]);
  });

  test('can all be reached from the README', () => {
    const reached = new Set(['README.md']);
    for (const name of reached) {
      const document = byName.get(name);
      for (const { target } of document ? linksOf(document) : []) {
        const file = target.split('#')[0] ?? '';
        if (isRelative(target) && file.endsWith('.md'))
          reached.add(path.posix.join(path.posix.dirname(name), decodeURI(file)));
      }
    }
    const ofDocs = documents.map(({ name }) => name).filter((name) => !/^(backend|benchmarks|examples)\//.test(name));
    expect(ofDocs.filter((name) => !reached.has(name))).toEqual([]);
  });

  test('number the decisions without gaps or twins, and list each', () => {
    const records = globSync('[0-9]*.md', { cwd: path.join(ROOT, 'docs/adr') }).sort();
    expect(records.map((name) => Number(name.slice(0, 4)))).toEqual(records.map((_, i) => i + 1));
    const index = byName.get('docs/adr/README.md');
    expect(index && linksOf(index).map(({ target }) => target)).toEqual(records);
    for (const name of records) {
      const record = byName.get(`docs/adr/${name}`);
      expect(record?.lines[0]).toMatch(new RegExp(`^# ${Number(name.slice(0, 4))}\\. `));
    }
  });

  test('show pictures that say in words what they show, to those who cannot see them too', () => {
    for (const name of globSync('docs/images/*.svg', { cwd: ROOT }))
      expect(statSync(path.join(ROOT, name)).size).toBeGreaterThan(0);
    const bare = documents.filter(({ prose }) => prose.some((line) => /!\[\s*\]\(/.test(line)));
    expect(bare.map(({ name }) => name)).toEqual([]);
  });
});

describe('the test of the links itself', () => {
  const document = parseDocument(
    'docs/made-up.md',
    '# Made up\n\n## A `code` word & more\n\n[a](missing.md) [b](#made-up) [c](#a-code-word--more) [d](#nothing)\n\n`[e](code.md)`\n\n```sh\n[f](block.md)\n```\n',
  );

  test('finds links outside of code only', () => {
    expect(linksOf(document).map(({ target }) => target)).toEqual([
      'missing.md',
      '#made-up',
      '#a-code-word--more',
      '#nothing',
    ]);
  });

  test('knows anchors as GitHub makes them', () => {
    expect([...anchorsOf(document)]).toEqual(['made-up', 'a-code-word--more']);
  });

  test('notices a missing file', () => {
    expect(problemOf(document, 'missing.md')).toBe('there is no docs/missing.md');
  });
});
