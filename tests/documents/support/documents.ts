import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const ROOT = path.resolve(import.meta.dirname, '../../..');

/** A fenced block of a document. */
export interface Block {
  readonly document: string;
  /** Line of its fence, from 1. */
  readonly line: number;
  readonly language: string;
  /** What stands behind the language, such as `no-run`. */
  readonly flags: readonly string[];
  readonly text: string;
}

/** A document, with what the tests ask of it. */
export interface Document {
  /** From the root, with slashes. */
  readonly name: string;
  readonly lines: readonly string[];
  readonly blocks: readonly Block[];
  /** The lines outside of fenced blocks; those within are empty. */
  readonly prose: readonly string[];
}

const SKIPPED = /(^|\/)(node_modules|dist|generated|coverage|\.data|results)\//;

/** All documents of the repository, in the order of their names, the README first. */
export function readDocuments(): Document[] {
  const names = globSync('**/*.md', { cwd: ROOT, exclude: (name) => SKIPPED.test(`${name}/`) })
    .map((name) => name.split(path.sep).join('/'))
    .filter((name) => !SKIPPED.test(name))
    .sort((a, b) => Number(b === 'README.md') - Number(a === 'README.md') || (a < b ? -1 : 1));
  return names.map((name) => parseDocument(name, readFileSync(path.join(ROOT, name), 'utf8')));
}

/** Splits a document into its prose and its fenced blocks. */
export function parseDocument(name: string, text: string): Document {
  const lines = text.split('\n');
  const blocks: Block[] = [];
  const prose: string[] = [];
  let open: { line: number; info: string[]; text: string[] } | undefined;
  lines.forEach((line, i) => {
    const fence = /^\s*```(.*)$/.exec(line);
    prose.push(open || fence ? '' : line);
    if (open && fence) {
      const [language = '', ...flags] = open.info;
      blocks.push({ document: name, line: open.line, language, flags, text: open.text.join('\n') });
      open = undefined;
    } else if (open) open.text.push(line);
    else if (fence) open = { line: i + 1, info: (fence[1] ?? '').trim().split(/\s+/), text: [] };
  });
  if (open) throw new Error(`${name}:${open.line}: the block is not closed`);
  return { name, lines, blocks, prose };
}

/** The anchors of a document's headings, as GitHub makes them. */
export function anchorsOf({ prose }: Document): Set<string> {
  const anchors = new Set<string>();
  for (const line of prose) {
    const title = /^#{1,6} +(.*?)\s*$/.exec(line)?.[1];
    if (title === undefined) continue;
    const plain = title.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = plain.replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '').replaceAll(' ', '-');
    for (let n = 0; ; n++) {
      const anchor = n === 0 ? slug : `${slug}-${n}`;
      if (anchors.has(anchor)) continue;
      anchors.add(anchor);
      break;
    }
  }
  return anchors;
}

/** A link or an image of a document. */
export interface Link {
  readonly line: number;
  readonly target: string;
}

/** The links of a document: inline ones, outside of code. */
export function linksOf({ prose }: Document): Link[] {
  return prose.flatMap((line, i) =>
    [...withoutCode(line).matchAll(/\]\(([^()\s]+)(?: "[^"]*")?\)/g)].map(([, target = '']) => ({
      line: i + 1,
      target,
    })),
  );
}

/** A line without its code spans. */
export function withoutCode(line: string): string {
  return line.replace(/(`+)(?:(?!\1).)+\1/g, ' ');
}

/** The code spans of a document, with their lines. */
export function codeSpansOf({ prose }: Document): { readonly line: number; readonly text: string }[] {
  return prose.flatMap((line, i) =>
    [...line.matchAll(/(`+)((?:(?!\1).)+)\1/g)].map(([, , text = '']) => ({ line: i + 1, text })),
  );
}
