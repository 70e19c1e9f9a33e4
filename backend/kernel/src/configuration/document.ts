import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node, type Pair } from 'yaml';
import { z } from 'zod';
import { ConfigurationError, issueMessage, issueRemedy, showValue, type ConfigurationProblem } from './problems.ts';

/** Reads a file of the configuration: its text, or throws. Relative names are relative to the including file. */
export type ReadFile = (name: string, from?: string) => { readonly name: string; readonly text: string };

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
}

interface Source {
  readonly name: string;
  readonly document: Document;
  readonly lines: LineCounter;
}
type Path = readonly (string | number)[];
type KeyPath = readonly PropertyKey[];
/** Where a part of the merged configuration was written. */
interface Origin {
  readonly source: Source;
  readonly path: Path;
}

const MAX_FILES = 100;
const MAX_ALIASES = 100;

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
  if (merge.problems.length > 0) throw new ConfigurationError(merge.problems);
  const whole = z.strictObject({ version: z.literal(1), ...schema.sections });
  const parsed = whole.safeParse(merge.value, { reportInput: true });
  const problems = parsed.success
    ? ruleProblems(schema, parsed.data as z.output<z.ZodObject<S>>, merge)
    : parsed.error.issues.flatMap((issue) => issueProblems(issue, merge, whole));
  const isOwn = (problem: ConfigurationProblem) => {
    const section = /^\w+/.exec(problem.path)?.[0] ?? '';
    return !options.ownSections || !(section in schema.sections) || options.ownSections.includes(section);
  };
  const own = problems.filter(isOwn);
  if (own.length > 0) throw new ConfigurationError(own);
  const warnings = problems.filter((problem) => !isOwn(problem));
  const configuration = (parsed.success ? parsed.data : withoutSections(whole, merge.value, warnings)) as z.output<
    z.ZodObject<S>
  >;
  return { configuration: deepFreeze(configuration), files: merge.files, warnings };
}

function withoutSections(
  whole: z.ZodObject,
  value: Record<string, unknown>,
  warnings: readonly ConfigurationProblem[],
): unknown {
  const faulty = new Set(warnings.map((warning) => /^\w+/.exec(warning.path)?.[0]));
  return whole.parse(Object.fromEntries(Object.entries(value).filter(([section]) => !faulty.has(section))));
}

function ruleProblems<S extends z.ZodRawShape>(
  schema: ConfigurationSchema<S>,
  configuration: z.output<z.ZodObject<S>>,
  merge: Merge,
): ConfigurationProblem[] {
  const violations = (schema.rules ?? []).flatMap((rule) => rule(configuration));
  return violations.map(({ path, message, remedy }) => ({ ...merge.place(path), message, remedy }));
}

function issueProblems(issue: z.core.$ZodIssue, merge: Merge, whole: z.ZodType): ConfigurationProblem[] {
  if (issue.code === 'invalid_union') {
    const branches = issue.errors.filter((errors) => errors.length > 0);
    const deepest = branches.toSorted((a, b) => depth(b) - depth(a))[0];
    if (deepest && depth(deepest) > 0) {
      return deepest.flatMap((inner) =>
        issueProblems({ ...inner, path: [...issue.path, ...inner.path] }, merge, whole),
      );
    }
  }
  const known = knownKeys(whole, issue.path);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      ...merge.place([...issue.path, key], 'key'),
      message: `unknown key '${key}'`,
      remedy: issueRemedy({ ...issue, keys: [key] }, known),
    }));
  }
  const isMissing = issue.code === 'invalid_type' && issue.input === undefined;
  return [
    {
      ...(isMissing ? merge.place(issue.path, 'parent') : merge.place(issue.path)),
      message: issueMessage(issue),
      remedy: isMissing ? `add '${String(issue.path.at(-1))}': ${issueRemedy(issue)}` : issueRemedy(issue, known),
    },
  ];
}

function depth(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(...issues.map((issue) => issue.path.length));
}

/** The keys that the schema knows at a path, by walking it as JSON Schema. */
function knownKeys(whole: z.ZodType, path: KeyPath): string[] {
  type JsonSchema = {
    properties?: Record<string, JsonSchema>;
    additionalProperties?: JsonSchema | boolean;
    items?: JsonSchema;
    anyOf?: JsonSchema[];
  };
  let at = [z.toJSONSchema(whole, { io: 'input', unrepresentable: 'any' }) as JsonSchema];
  for (const key of path) {
    at = at.flatMap((schema) => {
      const next = [
        schema.properties?.[String(key)] ??
          (typeof schema.additionalProperties === 'object' ? schema.additionalProperties : schema.items),
      ];
      return next.filter((found) => found !== undefined).flatMap((found) => found.anyOf ?? [found]);
    });
  }
  return [...new Set(at.flatMap((schema) => Object.keys(schema.properties ?? {})))];
}

/** Merges files and remembers where each part was written. */
class Merge {
  readonly value: Record<string, unknown> = {};
  readonly problems: ConfigurationProblem[] = [];
  readonly files: string[] = [];
  readonly #origins = new Map<string, Origin>();
  readonly #readFile: ReadFile;
  readonly #variables: Readonly<Record<string, string | undefined>>;
  /** Values that came from the environment must never be shown. */
  readonly #fromEnvironment = new Set<string>();

  constructor(readFile: ReadFile, variables: Readonly<Record<string, string | undefined>>) {
    this.#readFile = readFile;
    this.#variables = variables;
  }

  addFile(name: string, from?: Origin): void {
    let file;
    try {
      file = this.#readFile(name, from?.source.name);
    } catch (error) {
      const remedy = from ? 'name an existing file, relative to this one' : 'name an existing file';
      const place = from ? locate(from, 'value') : { file: name };
      this.problems.push({
        ...place,
        path: 'include',
        message: `cannot be read (${(error as Error).message})`,
        remedy,
      });
      return;
    }
    if (this.files.includes(file.name)) return;
    this.files.push(file.name);
    if (this.files.length > MAX_FILES) {
      this.problems.push({
        file: file.name,
        path: 'include',
        message: `more than ${MAX_FILES} files`,
        remedy: 'join some',
      });
      return;
    }
    const lines = new LineCounter();
    const document = parseDocument(file.text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
    const source: Source = { name: file.name, document, lines };
    for (const error of document.errors) {
      const { line, col } = lines.linePos(error.pos[0]);
      this.problems.push({
        file: file.name,
        line,
        column: col,
        path: '(file)',
        message: error.message,
        remedy: 'mend the YAML',
      });
    }
    if (document.errors.length === 0) this.#addSections(source, from === undefined);
  }

  #addSections(source: Source, isMain: boolean): void {
    const content = this.#toValue(source);
    if (content === null || typeof content !== 'object' || Array.isArray(content)) {
      this.problems.push({
        file: source.name,
        line: 1,
        column: 1,
        path: '(file)',
        message: 'expected sections, such as version, upstreams and routes',
        remedy: "start from the shipped clearway.yaml, or from 'version: 1'",
      });
      return;
    }
    for (const [section, part] of Object.entries(content)) {
      const origin: Origin = { source, path: [section] };
      if (section === 'include') this.#include(part, origin);
      else if (section === 'version' && !isMain) continue;
      else this.#addSection(section, part, origin);
    }
  }

  #toValue(source: Source): unknown {
    try {
      return this.#resolve(source.document.toJS({ maxAliasCount: MAX_ALIASES }), source, []);
    } catch (error) {
      this.problems.push({
        file: source.name,
        path: '(file)',
        message: (error as Error).message,
        remedy: 'use fewer aliases',
      });
      return {};
    }
  }

  /** Replaces `env:NAME` and `env:NAME:-default`. */
  #resolve(value: unknown, source: Source, path: Path): unknown {
    if (Array.isArray(value)) return value.map((item, i) => this.#resolve(item, source, [...path, i]));
    if (value !== null && typeof value === 'object') {
      const entries = Object.entries(value).map(([k, v]) => [k, this.#resolve(v, source, [...path, k])] as const);
      return Object.fromEntries(entries);
    }
    const match = typeof value === 'string' ? /^env:([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/.exec(value) : null;
    const name = match?.[1];
    if (name === undefined) return value;
    const text = this.#variables[name] || match?.[2];
    this.#fromEnvironment.add(`${source.name}\0${path.join('\0')}`);
    if (text === undefined || text === '') {
      const message = `the variable ${name} is not set`;
      this.problems.push({
        ...locate({ source, path }, 'value'),
        path: pathText(path),
        message,
        remedy: `set ${name}`,
      });
    }
    return text ?? '';
  }

  #include(part: unknown, origin: Origin): void {
    const names = Array.isArray(part) ? part : [part];
    names.forEach((name, i) => {
      const at: Origin = { ...origin, path: Array.isArray(part) ? ['include', i] : ['include'] };
      if (typeof name === 'string') this.addFile(name, at);
      else {
        const message = 'expected the name of a file';
        this.problems.push({ ...locate(at, 'value'), path: 'include', message, remedy: 'include: [routes.yaml]' });
      }
    });
  }

  #addSection(section: string, part: unknown, origin: Origin): void {
    const present = this.value[section];
    if (present === undefined) {
      this.value[section] = part;
      this.#origins.set(section, origin);
      if (Array.isArray(part)) this.value[section] = [];
      else return this.#rememberKeys(section, part, origin);
    }
    const into = this.value[section];
    if (Array.isArray(into) && Array.isArray(part)) {
      part.forEach((item, i) => {
        this.#origins.set(`${section}\0${into.length}`, { ...origin, path: [section, i] });
        into.push(item);
      });
    } else if (isRecord(into) && isRecord(part)) {
      for (const [key, item] of Object.entries(part)) {
        if (key in into) this.#definedTwice([section, key], { ...origin, path: [section, key] });
        else into[key] = item;
      }
      this.#rememberKeys(section, part, origin);
    } else this.#definedTwice([section], origin);
  }

  #rememberKeys(section: string, part: unknown, origin: Origin): void {
    if (!isRecord(part)) return;
    for (const key of Object.keys(part)) {
      if (!this.#origins.has(`${section}\0${key}`)) {
        this.#origins.set(`${section}\0${key}`, { ...origin, path: [section, key] });
      }
    }
  }

  #definedTwice(path: Path, origin: Origin): void {
    const first = this.place(path);
    const message = `is already defined in ${first.file}:${first.line ?? 1}`;
    this.problems.push({ ...locate(origin, 'key'), path: pathText(path), message, remedy: 'remove one of the two' });
  }

  /** File, line, column, shown value of a path of the merged configuration. */
  place(path: KeyPath, what: 'value' | 'key' | 'parent' = 'value'): Omit<ConfigurationProblem, 'message' | 'remedy'> {
    const keys = path.map((key) => (typeof key === 'number' ? key : String(key)));
    const head = keys.slice(0, 2);
    const origin = this.#origins.get(head.join('\0')) ?? this.#origins.get(String(keys[0]));
    if (!origin) return { file: this.files[0] ?? '', line: 1, column: 1, path: pathText(keys) };
    const known = this.#origins.has(head.join('\0')) ? 2 : 1;
    const full: Origin = { source: origin.source, path: [...origin.path, ...keys.slice(known)] };
    const value = what === 'value' ? this.#shown(full) : undefined;
    return { ...locate(full, what), path: pathText(keys), ...(value !== undefined && { value }) };
  }

  #shown(origin: Origin): string | undefined {
    const node = origin.source.document.getIn(origin.path, true) as Node | undefined;
    if (!node) return undefined;
    if (this.#fromEnvironment.has(`${origin.source.name}\0${origin.path.join('\0')}`)) {
      return String(isScalar(node) ? node.value : '');
    }
    return showValue(String(origin.path.at(-1)), node.toJS(origin.source.document) as unknown);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** The place of a path in its file; of its nearest written ancestor when it is not written itself. */
function locate(origin: Origin, what: 'value' | 'key' | 'parent'): { file: string; line: number; column: number } {
  const { document, lines, name } = origin.source;
  let node: unknown = document.contents;
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  origin.path.forEach((key, i) => {
    const isLast = i === origin.path.length - 1;
    const pair: Pair<Node, Node | null> | undefined = isMap<Node, Node | null>(node)
      ? node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key))
      : undefined;
    const child = pair ? pair.value : isSeq(node) ? node.items[Number(key)] : undefined;
    const target = pair && (!isLast || what === 'key' || !isNode(child)) ? pair.key : child;
    if (isNode(target)) offset = target.range?.[0] ?? offset;
    node = isAlias(child) ? child.resolve(document) : child;
  });
  const { line, col } = lines.linePos(offset);
  return { file: name, line, column: col };
}

function isNode(value: unknown): value is Node {
  return value !== null && typeof value === 'object' && 'range' in value;
}

function pathText(path: readonly (string | number)[]): string {
  return path.map((key, i) => (typeof key === 'number' ? `[${key}]` : i === 0 ? key : `.${key}`)).join('') || '(file)';
}

function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
