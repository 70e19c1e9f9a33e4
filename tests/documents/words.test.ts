import { describe, expect, test } from '@jest/globals';
import { parseDocument, readDocuments, withoutCode, type Document } from './support/documents.ts';

const WORDS = 'docs/reference/words.md';
const documents = readDocuments();

/** The words of the table "Not used". */
function refusedWords(): string[] {
  const words = documents.find(({ name }) => name === WORDS)?.lines ?? [];
  const table = words.slice(words.indexOf('## Not used')).filter((line) => line.startsWith('| '));
  return table.slice(2).map((line) => line.split('|')[1]?.trim() ?? '');
}

/** Where a document uses a refused word in its running text. */
function usesOf(document: Document, words: readonly string[]): string[] {
  return document.prose.flatMap((line, i) => {
    const text = withoutCode(line)
      .replace(/\]\([^)]*\)/g, ']')
      .replace(/<[^>]*>/g, ' ');
    return words
      .filter((word) => new RegExp(`\\b${word}s?\\b`, /[A-Z]/.test(word) ? '' : 'i').test(text))
      .map((word) => `${document.name}:${i + 1}: '${word}'`);
  });
}

describe('the words of the documents', () => {
  test('are those that words.md has for each thing', () => {
    const words = refusedWords();
    expect(words.length).toBeGreaterThan(10);
    const uses = documents.filter(({ name }) => name !== WORDS).flatMap((document) => usesOf(document, words));
    expect(uses).toEqual([]);
  });

  test('are looked for in running text, not in code', () => {
    const text = 'A microservice.\n\n`a microservice` and [it](http://microservice)\n\n```text\nmicroservice\n```\n';
    expect(usesOf(parseDocument('made-up.md', text), ['microservice'])).toEqual(["made-up.md:1: 'microservice'"]);
  });
});
