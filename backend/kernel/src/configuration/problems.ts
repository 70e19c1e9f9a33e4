import type { z } from 'zod';

/** One thing that is wrong with the configuration, and how to mend it. */
export interface ConfigurationProblem {
  /** File name, or `environment`. */
  readonly file: string;
  /** From 1; absent for variables that stand in no file. */
  readonly line?: number;
  readonly column?: number;
  /** Where in the structure: `routes[2].match.path` or the name of a variable. */
  readonly path: string;
  readonly message: string;
  /** The offending value as written, shortened; secrets are masked. */
  readonly value?: string;
  /** How to mend it. */
  readonly remedy: string;
}

/** Exit status for a faulty configuration (EX_CONFIG of sysexits.h). */
export const EXIT_CONFIGURATION = 78;

/** All problems of a configuration at once. The process should print it and exit with 78. */
export class ConfigurationError extends Error {
  readonly problems: readonly ConfigurationProblem[];

  constructor(problems: readonly ConfigurationProblem[]) {
    super(renderProblems(problems));
    this.name = 'ConfigurationError';
    this.problems = problems;
  }
}

/**
 * The problems as text for a terminal: one paragraph each.
 *
 * @example
 * clearway.yaml:14:13 routes[0].match.path: must start with '/'
 *   found:  v1/tracks
 *   mend:   write it as /v1/tracks
 */
export function renderProblems(problems: readonly ConfigurationProblem[]): string {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  return [`The configuration has ${count}:`, ...problems.map(renderProblem)].join('\n\n');
}

function renderProblem(problem: ConfigurationProblem): string {
  const place = [problem.file, problem.line, problem.column].filter((part) => part !== undefined).join(':');
  const lines = [`${place} ${problem.path}: ${problem.message}`];
  if (problem.value !== undefined) lines.push(`  found:  ${problem.value}`);
  lines.push(`  mend:   ${problem.remedy}`);
  return lines.join('\n');
}

const SECRET_NAME = /token|secret|passw|credential|api.?key|private.?key|dsn|authorization|cookie/i;
const SHOWN_CHARACTERS = 80;

/**
 * A value as it may be shown: masked when its name says that it is a secret, without the credentials of a URL,
 * on one line and shortened.
 *
 * @param name the variable or key that holds it
 */
export function showValue(name: string, value: unknown): string {
  if (SECRET_NAME.test(name) && value !== '' && typeof value === 'string') return '(hidden)';
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  const safe = text.replace(/(:\/\/)[^/@\s"]*@/g, '$1***@').replaceAll(/\p{Cc}/gu, ' ');
  return safe.length > SHOWN_CHARACTERS ? `${safe.slice(0, SHOWN_CHARACTERS)}…` : safe;
}

/** The message of a zod issue in the words of somebody who writes configuration. */
export function issueMessage(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return `unknown key ${quoteAll(issue.keys)}`;
  if (issue.code === 'invalid_type' && issue.input === undefined) return 'is missing';
  return issue.message.replace(/^Invalid input: /, '');
}

/**
 * How to mend a zod issue. A schema says it itself through `params.remedy` of a custom issue; the rest follows from
 * the kind of the issue.
 *
 * @param known the keys or values that would have been right, for suggestions
 */
export function issueRemedy(issue: z.core.$ZodIssue, known: readonly string[] = []): string {
  switch (issue.code) {
    case 'custom':
      return typeof issue.params?.['remedy'] === 'string' ? issue.params['remedy'] : 'correct the value';
    case 'unrecognized_keys':
      return suggestion(issue.keys[0] ?? '', known) ?? `remove it; known here: ${known.join(', ')}`;
    case 'invalid_value': {
      const values = issue.values.map(String);
      return suggestion(String(issue.input ?? ''), values) ?? `use one of ${quoteAll(values)}`;
    }
    case 'invalid_type':
      return `give ${withArticle(issue.expected)}`;
    case 'too_small':
      return `use at least ${issue.minimum}${sized(issue.origin)}`;
    case 'too_big':
      return `use at most ${issue.maximum}${sized(issue.origin)}`;
    case 'invalid_format':
      return `write it as ${issue.format === 'regex' ? `a match of ${issue.pattern}` : withArticle(issue.format)}`;
    default:
      return 'see docs/reference/configuration.md';
  }
}

function sized(origin: string): string {
  return origin === 'string' ? ' characters' : origin === 'array' ? ' entries' : '';
}

function withArticle(noun: string): string {
  return `${/^[aeiou]/i.test(noun) ? 'an' : 'a'} ${noun}`;
}

function quoteAll(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ');
}

function suggestion(wrong: string, known: readonly string[]): string | undefined {
  const close = closest(wrong, known);
  return close === undefined ? undefined : `did you mean '${close}'?`;
}

/** The known word nearest to a wrong one, when it is near enough to be a slip of the keyboard. */
export function closest(wrong: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(wrong.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(wrong.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Levenshtein's distance between two short words. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substitution, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
