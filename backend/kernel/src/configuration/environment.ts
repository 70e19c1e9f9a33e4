import { parseEnv } from 'node:util';
import { z } from 'zod';
import { deepFreeze } from './deep-freeze.ts';
import {
  ConfigurationError,
  issueMessage,
  issueRemedy,
  showValue,
  closest,
  type ConfigurationProblem,
} from './problems.ts';

/** What the reference says of a variable, beside its schema. */
export interface VariableFacts {
  /** Heading under which it stands in `.env.example`. */
  readonly section: string;
  /** A value to show as an example; the default is shown when there is none. */
  readonly example?: string;
  /** Never shown in any output. */
  readonly secret?: boolean;
}

/** A group of variables: a zod object whose values are read from strings. */
export type EnvironmentShape = z.ZodRawShape;

const facts = new WeakMap<z.core.$ZodType, VariableFacts & { description: string }>();

/**
 * Describes a variable for `.env.example` and the reference.
 *
 * @example
 * const GATEWAY_PORT = variable(port().default(8000), 'Public port of the gateway.', { section: 'Gateway' });
 */
export function variable<T extends z.ZodType>(schema: T, description: string, more: VariableFacts): T {
  facts.set(schema, { ...more, description });
  return schema;
}

/** A whole number in a range, read from text; anything else is refused. */
export const integer = (min: number, max: number) =>
  numberText(/^-?\d+$/, min, max, `must be a whole number from ${min} to ${max}`, 'write digits only, without a unit');

/** A TCP port; 0 lets the system choose. */
export const port = () => integer(0, 65_535);

/** A number between 0 and 1, read from text. */
export const ratio = () =>
  numberText(/^\d*\.?\d+$/, 0, 1, 'must be a number from 0 to 1', 'write it with a point: 0.1 for ten percent');

function numberText(form: RegExp, min: number, max: number, message: string, remedy: string) {
  return z
    .string()
    .superRefine((text, context) => {
      const value = Number(text);
      if (!form.test(text.trim())) context.addIssue({ code: 'custom', message, params: { remedy } });
      else if (value < min) context.addIssue({ code: 'custom', message, params: { remedy: `use at least ${min}` } });
      else if (value > max) context.addIssue({ code: 'custom', message, params: { remedy: `use at most ${max}` } });
    })
    .transform(Number);
}

/** `true` or `false`, also as 1 or 0. */
export const flag = () => z.enum(['true', 'false', '1', '0']).transform((text) => text === 'true' || text === '1');

/** A URL with one of the given protocols, kept as text. */
export const url = (...protocols: string[]) =>
  z.string().superRefine((text, context) => {
    const parsed = URL.parse(text);
    if (parsed && protocols.includes(parsed.protocol.slice(0, -1))) return;
    const remedy = `write it as ${protocols.map((protocol) => `${protocol}://…`).join(' or ')}`;
    context.addIssue({ code: 'custom', message: 'not a usable URL', params: { remedy } });
  });

/** Values separated by commas. */
export const list = () =>
  z.string().transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  );

/** The text of a `.env` file and its name. */
export interface EnvironmentFile {
  readonly name: string;
  readonly text: string;
}

/**
 * Reads variables by a schema: every problem at once, empty means unset, the result is frozen. Variables of the
 * process win over those of the file.
 *
 * @param shape the variables, each a zod schema that reads a string
 * @param options `variables` is usually `process.env`; `file` a `.env` file's text
 * @throws ConfigurationError with all problems
 * @example
 * export const env = readEnvironment(shape, { variables: process.env });
 */
export function readEnvironment<S extends EnvironmentShape>(
  shape: S,
  options: { variables: Readonly<Record<string, string | undefined>>; file?: EnvironmentFile | undefined },
): Readonly<z.output<z.ZodObject<S>>> {
  const fromFile = options.file ? parseEnv(options.file.text) : {};
  const merged: Record<string, string> = {};
  for (const name of Object.keys(shape)) {
    const text = present(options.variables[name]) ?? present(fromFile[name]);
    if (text !== undefined) merged[name] = text;
  }
  const parsed = z.object(shape).safeParse(merged, { reportInput: true });
  if (parsed.success) return deepFreeze(parsed.data);
  const problems = parsed.error.issues.map((issue): ConfigurationProblem => {
    const name = String(issue.path[0]);
    const inFile = present(options.variables[name]) === undefined && name in fromFile;
    return {
      ...(inFile && options.file ? placeInFile(options.file, name) : { file: 'environment' }),
      path: name,
      message: issueMessage(issue),
      ...(merged[name] !== undefined && { value: showVariable(shape, name, merged[name]) }),
      remedy: merged[name] === undefined ? `set ${name}${exampleOf(shape, name)}` : issueRemedy(issue),
    };
  });
  throw new ConfigurationError(problems);
}

function present(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : text;
}

function placeInFile(file: EnvironmentFile, name: string): { file: string; line: number; column: number } {
  const lines = file.text.split('\n');
  const index = lines.findLastIndex((line) => line.replace(/^\s*(?:export\s+)?/, '').startsWith(`${name}=`));
  return { file: file.name, line: index + 1, column: (lines[index]?.indexOf('=') ?? 0) + 2 };
}

function showVariable(shape: EnvironmentShape, name: string, text: string): string {
  return factsOf(shape, name)?.secret ? '(hidden)' : showValue(name, text);
}

function exampleOf(shape: EnvironmentShape, name: string): string {
  const example = factsOf(shape, name)?.example;
  return example === undefined ? '' : `, for example ${name}=${example}`;
}

function factsOf(shape: EnvironmentShape, name: string): (VariableFacts & { description: string }) | undefined {
  const schema = shape[name];
  return schema && facts.get(schema);
}

/**
 * Variables that look like ours but are none, with what was probably meant.
 *
 * @param prefixes the beginnings that are ours, such as `CLEARWAY_`
 */
export function unknownVariables(
  known: readonly string[],
  variables: Readonly<Record<string, string | undefined>>,
  prefixes: readonly string[],
): { name: string; meant?: string }[] {
  return Object.keys(variables)
    .filter((name) => prefixes.some((prefix) => name.startsWith(prefix)) && !known.includes(name))
    .map((name) => {
      const meant = closest(name, known);
      return meant === undefined ? { name } : { name, meant };
    });
}

/** One variable as the reference shows it. */
export interface DescribedVariable {
  readonly name: string;
  readonly section: string;
  readonly description: string;
  readonly example?: string;
  readonly default?: string;
  readonly required: boolean;
  readonly secret: boolean;
}

/** What the reference says of all variables of a shape. Throws for one that was not described. */
export function describeEnvironment(shape: EnvironmentShape): DescribedVariable[] {
  return Object.keys(shape).map((name) => {
    const known = factsOf(shape, name);
    if (!known) throw new Error(`variable ${name} has no description`);
    const unset = (shape[name] as z.ZodType).safeParse(undefined);
    return {
      name,
      section: known.section,
      description: known.description,
      ...(known.example !== undefined && { example: known.example }),
      ...(unset.success && unset.data !== undefined && { default: showDefault(unset.data) }),
      required: !unset.success,
      secret: known.secret ?? false,
    };
  });
}

function showDefault(value: unknown): string {
  if (Array.isArray(value)) return value.join(',');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/**
 * Renders `.env.example`: every variable commented out with its description, default and example, by section.
 *
 * @param shapes the shapes of all processes; a variable that several share stands once
 */
export function renderEnvironmentExample(shapes: readonly EnvironmentShape[]): string {
  const all = new Map(shapes.flatMap(describeEnvironment).map((entry) => [entry.name, entry]));
  const sections = Map.groupBy(all.values(), (entry) => entry.section);
  const blocks = [...sections].map(([section, entries]) =>
    [`# ── ${section} ──`, ...entries.map(renderVariable)].join('\n\n'),
  );
  const head = '# Every variable that Clearway reads. Generated from the schemas: npm run generate:reference';
  return [head, ...blocks].join('\n\n') + '\n';
}

function renderVariable(entry: DescribedVariable): string {
  const notes = [entry.required && 'required', entry.secret && 'secret'].filter(Boolean).join(', ');
  const value = entry.default ?? entry.example ?? '';
  return `# ${entry.description}${notes ? ` (${notes})` : ''}\n#${entry.name}=${value}`;
}
