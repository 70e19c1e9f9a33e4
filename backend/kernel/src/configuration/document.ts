import { z } from 'zod';
import { deepFreeze } from './deep-freeze.ts';
import { Merge, type ReadFile } from './merge.ts';
import { ConfigurationError, isMissing, issueMessage, issueRemedy, type ConfigurationProblem } from './problems.ts';
import { walkSchema, type SchemaWalk } from './schema-walk.ts';

export type { ReadFile } from './merge.ts';

/** What a configuration is made of: one schema a section, and rules across sections. */
export interface ConfigurationSchema<S extends z.ZodRawShape> {
  readonly sections: S;
  /** Rules that need several sections; run only when each section is right by itself. */
  readonly rules?: readonly ((configuration: z.output<z.ZodObject<S>>) => RuleViolation[])[];
}

/** A broken rule: where, what, and how to mend it. */
export interface RuleViolation {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly remedy: string;
}

/** A configuration that was read. */
export interface LoadedConfiguration<T> {
  readonly configuration: T;
  /** All files that were read, the main one first: watch these. */
  readonly files: readonly string[];
  /** Faults in sections that this process does not own. */
  readonly warnings: readonly ConfigurationProblem[];
  /** A copy of a part of the configuration in which each text that came from a variable is `env:NAME` again. */
  readonly withoutEnvironment: <P>(part: P) => P;
}

/**
 * Reads a YAML configuration with its includes and validates it: every problem at once, with file, line and column.
 *
 * A value `env:NAME` stands for the variable NAME, `env:NAME:-text` for `text` when it is unset or empty. `include: [file, …]` adds the sections of other files: lists are
 * joined, maps merged, and what is defined twice is refused.
 *
 * @param schema the sections and rules
 * @param options `ownSections`: faults elsewhere become warnings (all sections are own by default)
 * @throws ConfigurationError with all problems
 */
export function loadConfiguration<S extends z.ZodRawShape>(
  schema: ConfigurationSchema<S>,
  options: {
    file: string;
    readFile: ReadFile;
    variables: Readonly<Record<string, string | undefined>>;
    ownSections?: readonly string[];
  },
): LoadedConfiguration<z.output<z.ZodObject<S>>> {
  const merge = new Merge(options.readFile, options.variables);
  merge.addFile(options.file);
  if (merge.isUnreadable) throw new ConfigurationError(inOrder(merge.problems, merge.files));
  const whole = z.strictObject({ version: z.literal(1), ...schema.sections });
  const parsed = whole.safeParse(merge.value, { reportInput: true });
  const problems = [...merge.problems, ...validationProblems(schema, parsed, merge, whole)];
  const isOwn = ({ path }: ConfigurationProblem) => {
    const section = sectionOf(path);
    return !options.ownSections || !(section in schema.sections) || options.ownSections.includes(section);
  };
  const own = problems.filter(isOwn);
  if (own.length > 0) throw new ConfigurationError(inOrder(own, merge.files));
  const warnings = inOrder(
    problems.filter((problem) => !isOwn(problem)),
    merge.files,
  );
  const configuration = (parsed.success ? parsed.data : withoutSections(whole, merge.value, warnings)) as z.output<
    z.ZodObject<S>
  >;
  const withoutEnvironment = <P>(part: P): P => merge.withoutEnvironment(part) as P;
  return { configuration: deepFreeze(configuration), files: merge.files, warnings, withoutEnvironment };
}

/** In the order in which somebody reads the files. */
function inOrder(problems: readonly ConfigurationProblem[], files: readonly string[]): ConfigurationProblem[] {
  const file = (problem: ConfigurationProblem) => files.indexOf(problem.file);
  return problems.toSorted(
    (a, b) => file(a) - file(b) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
  );
}

function sectionOf(path: string): string {
  return /^\w+/.exec(path)?.[0] ?? '';
}

function withoutSections(
  whole: z.ZodObject,
  value: Record<string, unknown>,
  warnings: readonly ConfigurationProblem[],
): unknown {
  const faulty = new Set(warnings.map(({ path }) => sectionOf(path)));
  return whole.parse(Object.fromEntries(Object.entries(value).filter(([section]) => !faulty.has(section))));
}

/** What the schema and the rules find wrong, without what only follows from the problems of merging. */
function validationProblems<S extends z.ZodRawShape>(
  schema: ConfigurationSchema<S>,
  parsed: z.ZodSafeParseResult<unknown>,
  merge: Merge,
  whole: z.ZodObject,
): ConfigurationProblem[] {
  if (parsed.success) {
    const isWhole = merge.problems.length === 0;
    return isWhole ? ruleProblems(schema, parsed.data as z.output<z.ZodObject<S>>, merge) : [];
  }
  const walk = walkSchema(whole);
  const known = new Set(merge.problems.map(({ path }) => path));
  const ofWrongKind = new Set(parsed.error.issues.filter(isWrongKind).map(({ path }) => path.join('\0')));
  return parsed.error.issues
    .filter((issue) => isWrongKind(issue) || !ofWrongKind.has(issue.path.join('\0')))
    .flatMap((issue) => issueProblems(issue, merge, walk))
    .filter(({ path }) => !known.has(path));
}

/** A value of the wrong kind: that it is also too long, say, follows from it. */
function isWrongKind({ code }: z.core.$ZodIssue): boolean {
  return code === 'invalid_type';
}

function ruleProblems<S extends z.ZodRawShape>(
  schema: ConfigurationSchema<S>,
  configuration: z.output<z.ZodObject<S>>,
  merge: Merge,
): ConfigurationProblem[] {
  const violations = (schema.rules ?? []).flatMap((rule) => rule(configuration));
  return violations.map(({ path, message, remedy }) => ({ ...merge.place(path), message, remedy }));
}

function issueProblems(issue: z.core.$ZodIssue, merge: Merge, walk: SchemaWalk): ConfigurationProblem[] {
  const nested = nestedIssues(issue);
  if (nested) return nested.flatMap((inner) => issueProblems(inner, merge, walk));
  const { path } = issue;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      ...merge.place([...path, key], 'key'),
      message: `unknown key '${key}'`,
      remedy: issueRemedy({ ...issue, keys: [key] }, walk.knownKeys(path)),
    }));
  }
  if (issue.code === 'invalid_key') {
    const message = `cannot be a name here: ${issue.issues.map(issueMessage).join(', ')}`;
    return [{ ...merge.place(path, 'key'), message, remedy: 'choose another name' }];
  }
  if (!isMissing(issue)) {
    const place = merge.place(path);
    // a remedy repeats the value: only as it may be shown
    const shown =
      typeof issue.input === 'string' && place.value !== undefined ? { ...issue, input: place.value } : issue;
    return [
      { ...place, message: issueMessage(issue), remedy: issueRemedy(shown as z.core.$ZodIssue, walk.knownKeys(path)) },
    ];
  }
  const key = String(path.at(-1));
  const meaning = walk.description(path);
  const remedy = `add '${key}'${meaning === undefined ? `: ${issueRemedy(issue)}` : ` (${withoutPeriod(meaning)})`}`;
  return [{ ...merge.place(path, 'parent'), message: 'is missing', remedy }];
}

/** The issues of that branch of a union which was probably meant: the one that fits the deepest. */
function nestedIssues(issue: z.core.$ZodIssue): z.core.$ZodIssue[] | undefined {
  if (issue.code !== 'invalid_union') return undefined;
  const branches = issue.errors.filter((errors) => errors.length > 0);
  const deepest = branches.toSorted((a, b) => depth(b) - depth(a))[0];
  if (!deepest || depth(deepest) === 0) return undefined;
  return deepest.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
}

function depth(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(...issues.map((issue) => issue.path.length));
}

function withoutPeriod(text: string): string {
  return text.replace(/\.$/, '');
}
