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
const HIDDEN = '(hidden)';

/**
 * A value as it may be shown: masked when its name says that it is a secret, without the credentials of a URL,
 * on one line and shortened. Text that YAML would read as something else stands in quotes.
 *
 * @param name the variable or key that holds it
 */
export function showValue(name: string, value: unknown): string {
  const masked = maskSecrets(name, value);
  const text = typeof masked === 'string' ? masked : (JSON.stringify(masked, maskSecrets) ?? String(masked));
  const safe = text
    .replace(/(:\/\/)[^/@\s"]*@/g, '$1***@')
    .replace(/([?&][\w.-]*(?:token|secret|key|passw|signature)[\w.-]*=)[^&\s"]*/gi, '$1***')
    .replaceAll(/\p{Cc}/gu, ' ');
  return safe.length > SHOWN_CHARACTERS ? `${safe.slice(0, SHOWN_CHARACTERS)}…` : safe;
}

function maskSecrets(name: string, value: unknown): unknown {
  const isSecret = SECRET_NAME.test(name) && value !== '' && ['string', 'number'].includes(typeof value);
  return isSecret ? HIDDEN : value;
}

/** The message of a zod issue in the words of somebody who writes configuration. */
export function issueMessage(issue: z.core.$ZodIssue): string {
  if (isMissing(issue)) return 'is missing';
  switch (issue.code) {
    case 'unrecognized_keys':
      return `unknown key ${quoteAll(issue.keys)}`;
    case 'invalid_type':
      return issue.input === null ? 'is empty' : `must be ${wanted(issue.expected)}, not ${given(issue.input)}`;
    case 'invalid_value':
      return issue.values.length === 1
        ? `must be ${String(issue.values[0])}`
        : `must be one of ${quoteAll(issue.values)}`;
    case 'too_small':
      return `must ${bound(issue, 'more than', 'at least', issue.minimum)}`;
    case 'too_big':
      return `must ${bound(issue, 'less than', 'at most', issue.maximum)}`;
    default:
      return issue.message.replace(/^Invalid input: /, '').replace(/^Invalid (?=URL)/, 'is no usable ');
  }
}

/** Whether a value is not there, rather than wrong. */
export function isMissing({ code, input }: z.core.$ZodIssue): boolean {
  return (code === 'invalid_type' || code === 'invalid_value') && input === undefined;
}

/**
 * How to mend a zod issue. A schema says it itself through `params.remedy` of a custom issue; the rest follows from
 * the kind of the issue.
 *
 * @param known the keys that would have been right, for suggestions
 */
export function issueRemedy(issue: z.core.$ZodIssue, known: readonly string[] = []): string {
  switch (issue.code) {
    case 'custom':
      return typeof issue.params?.['remedy'] === 'string' ? issue.params['remedy'] : 'correct the value';
    case 'unrecognized_keys': {
      const list = known.length > 0 ? `; known here: ${known.join(', ')}` : '';
      return suggestion(issue.keys[0] ?? '', known) ?? `remove it${list}`;
    }
    case 'invalid_value': {
      const values = issue.values.map(String);
      const input = typeof issue.input === 'string' ? issue.input : '';
      if (values.includes(input)) return `write it without quotes: ${input}`;
      const list = values.length === 1 ? `write ${values[0]}` : `use one of ${quoteAll(values)}`;
      return (input === '' ? undefined : suggestion(input, values)) ?? list;
    }
    case 'invalid_type':
      return typeRemedy(issue.expected, issue.input, known);
    case 'too_small':
      return `let it ${bound(issue, 'more than', 'at least', issue.minimum)}`;
    case 'too_big':
      return `let it ${bound(issue, 'less than', 'at most', issue.maximum)}`;
    case 'invalid_format':
      if (issue.format === 'url') return 'write it with its scheme, such as https://host/path';
      return issue.pattern === undefined ? `write it as ${issue.format}` : `it has to match ${issue.pattern}`;
    default:
      return 'see docs/reference/configuration.md';
  }
}

/** The types of a configuration in words. */
const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a section with keys of its own',
  record: 'a section with names of your own',
};

function wanted(type: string): string {
  return TYPES[type] ?? type;
}

function given(input: unknown): string {
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'number') return Number.isInteger(input) ? 'a number' : 'a fraction';
  return typeof input === 'object' ? 'a section' : wanted(typeof input);
}

function typeRemedy(expected: string, input: unknown, known: readonly string[]): string {
  if (input === null) return `give it ${wanted(expected)}, or remove the key`;
  if (typeof input === 'string' || typeof input === 'number' || typeof input === 'boolean') {
    if (expected === 'array') return `write it as a list: [${input}]`;
    if (expected === 'string') return `put it into quotes: '${input}'`;
    if (expected === 'boolean') return 'write true or false, without quotes';
    if (typeof input === 'string' && ['number', 'int'].includes(expected)) {
      return Number.isNaN(Number(input)) ? 'write digits only, without a unit' : `write it without quotes: ${input}`;
    }
  }
  if (expected === 'object' && known.length > 0) return `give it keys of its own: ${known.join(', ')}`;
  return `give it ${wanted(expected)}`;
}

function bound(
  { origin, inclusive }: { origin: string; inclusive?: boolean | undefined },
  exclusively: string,
  inclusively: string,
  limit: number | bigint,
): string {
  const comparison = `${inclusive === false ? exclusively : inclusively} ${limit}`;
  if (origin === 'string') return `have ${comparison} characters`;
  return origin === 'array' ? `have ${comparison} ${limit === 1 ? 'entry' : 'entries'}` : `be ${comparison}`;
}

function quoteAll(names: readonly unknown[]): string {
  return names.map((name) => `'${String(name)}'`).join(', ');
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
