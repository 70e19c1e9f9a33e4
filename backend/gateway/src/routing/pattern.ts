import { normalisePath } from './normalise.ts';

/** One segment of a path pattern. */
export type Segment = { readonly literal: string } | { readonly parameter: string };

/** A parsed path pattern. */
export interface PathPattern {
  readonly text: string;
  readonly segments: readonly Segment[];
  /** Ends with `/*`: takes the prefix itself and everything below it. */
  readonly isPrefix: boolean;
}

/** Why a pattern cannot be used, and how to mend it. */
export interface PatternProblem {
  readonly problem: string;
  readonly remedy: string;
}

const PARAMETER = /^:[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Parses a path pattern: literal segments, `:parameter` for one segment, and `/*` at the end.
 *
 * @example
 * parsePattern('/v1/tracks/:id')
 */
export function parsePattern(text: string): PathPattern | PatternProblem {
  if (!text.startsWith('/')) return { problem: "must start with '/'", remedy: `write it as /${text}` };
  if (/[?#]/.test(text)) return { problem: 'must be a path only', remedy: 'match the query with match.query' };
  const isPrefix = text.endsWith('/*');
  const path = isPrefix ? text.slice(0, -2) : text;
  if (path.includes('*')) return { problem: "'*' can only stand as the last segment", remedy: 'use :parameter inside' };
  const segments: Segment[] = [];
  for (const part of path === '' || path === '/' ? [] : path.slice(1).split('/')) {
    if (part.startsWith(':')) {
      if (!PARAMETER.test(part)) return { problem: `'${part}' is no parameter`, remedy: 'write it as :name' };
      segments.push({ parameter: part.slice(1) });
    } else segments.push({ literal: part });
  }
  const literal = '/' + segments.map((s) => ('literal' in s ? s.literal : 'x')).join('/');
  const normal = normalisePath(literal);
  if (!('path' in normal) || normal.path !== literal) {
    const remedy =
      'path' in normal ? `write it as requests are matched, without '..', '//' or needless escapes` : 'remove it';
    return { problem: 'no normalised request path can match it', remedy };
  }
  return { text, segments, isPrefix };
}

/** The pattern with its parameters unnamed: equal for patterns that take the same paths. */
export function patternShape(pattern: PathPattern): string {
  const parts = pattern.segments.map((s) => ('literal' in s ? s.literal : ':'));
  return `/${parts.join('/')}${pattern.isPrefix ? '/*' : ''}`;
}

/**
 * Whether a pattern takes a normalised path.
 *
 * @param parts the path's segments, as `splitPath` gives them
 */
export function patternMatches(pattern: PathPattern, parts: readonly string[]): boolean {
  const { segments } = pattern;
  if (pattern.isPrefix ? parts.length < segments.length : parts.length !== segments.length) return false;
  for (let i = 0; i < segments.length; i++) {
    const segment = segments[i] as Segment;
    if ('literal' in segment ? segment.literal !== parts[i] : parts[i] === '') return false;
  }
  return true;
}

/** The segments of a normalised path: `/` has none, a trailing slash makes an empty last one. */
export function splitPath(path: string): string[] {
  return path === '/' ? [] : path.slice(1).split('/');
}

/**
 * Orders patterns: the more specific first. Segment by segment a literal is before a parameter and that before the
 * wildcard; then the longer one is first.
 */
export function compareSpecificity(a: PathPattern, b: PathPattern): number {
  const length = Math.max(a.segments.length, b.segments.length);
  for (let i = 0; i < length; i++) {
    const difference = segmentRank(b, i) - segmentRank(a, i);
    if (difference !== 0) return difference;
  }
  return Number(a.isPrefix) - Number(b.isPrefix);
}

function segmentRank(pattern: PathPattern, i: number): number {
  const segment = pattern.segments[i];
  if (segment === undefined) return 0;
  return 'literal' in segment ? 2 : 1;
}
