import { code, markdownTable, page } from './markdown.ts';

/** The part of JSON Schema that zod writes for the configuration. */
export interface JsonSchema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly description?: string;
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly minItems?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
}

/** One key of the configuration as the reference shows it. */
export interface ConfigurationKey {
  /** Such as `upstreams.<name>.targets[].url`. */
  readonly path: string;
  readonly type: string;
  /** Empty: none. */
  readonly default: string;
  readonly required: boolean;
  readonly description: string;
}

/** Every key below a schema, parents before what they hold. */
export function configurationKeys(schema: JsonSchema, prefix = ''): ConfigurationKey[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    const isRequired = (schema.required ?? []).includes(name);
    return [keyOf(path, property, isRequired), ...below(path, property)];
  });
}

function below(path: string, schema: JsonSchema): ConfigurationKey[] {
  const { items, additionalProperties: each, oneOf } = schema;
  if (oneOf) return alternativeKeys(path, oneOf);
  if (items) return below(`${path}[]`, items);
  if (typeof each === 'object') return below(`${path}.<name>`, each);
  return configurationKeys(schema, path);
}

/** The keys of alternatives that one key tells apart, each named with that key's value. */
function alternativeKeys(path: string, alternatives: readonly JsonSchema[]): ConfigurationKey[] {
  return alternatives.flatMap((alternative) => {
    const [name, value] =
      Object.entries(alternative.properties ?? {}).find(([, { const: fixed }]) => fixed !== undefined) ?? [];
    return configurationKeys(alternative, `${path}(${name}: ${String(value?.const)})`);
  });
}

function keyOf(path: string, schema: JsonSchema, required: boolean): ConfigurationKey {
  const isEmptyObject = JSON.stringify(schema.default) === '{}';
  return {
    path,
    type: typeText(schema),
    default: schema.default === undefined || isEmptyObject ? '' : JSON.stringify(schema.default),
    required,
    description: schema.description ?? '',
  };
}

function typeText(schema: JsonSchema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map(String).join(', ');
  if (schema.oneOf) return 'one of several sections';
  if (schema.anyOf) return schema.anyOf.map(typeText).join(' or ');
  if (schema.items) return `list of ${schema.items.properties ? 'entries' : typeText(schema.items)}`;
  if (typeof schema.additionalProperties === 'object') return 'map by name';
  if (schema.properties) return 'section';
  const name = schema.format === 'uri' ? 'URL' : schema.type === 'integer' ? 'whole number' : schema.type;
  return [name ?? 'text', rangeText(schema)].filter((part) => part !== '').join(', ');
}

function rangeText({ type, minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema): string {
  if (type !== 'integer' && type !== 'number') return '';
  const bounds = [
    minimum !== undefined && `from ${minimum}`,
    exclusiveMinimum !== undefined && `above ${exclusiveMinimum}`,
    maximum !== undefined && maximum !== Number.MAX_SAFE_INTEGER && `to ${maximum}`,
    exclusiveMaximum !== undefined && `below ${exclusiveMaximum}`,
  ];
  return bounds.filter((bound) => bound !== false).join(' ');
}

const INTRODUCTION = `The configuration is one YAML file, \`clearway.yaml\` unless \`CLEARWAY_CONFIG\` says otherwise. It may
include others. A value \`env:NAME\` stands for the variable \`NAME\`, and \`env:NAME:-text\` for \`text\` when that is not set.
Unknown keys are refused. Check it with
\`clearway check\`; editors complete it with \`clearway.schema.json\`, which the first line of the shipped file names.`;

/** docs/reference/configuration.md */
export function configurationPage(schema: JsonSchema): string {
  const sections = Object.entries(schema.properties ?? {}).map(([name, section]) => {
    const isSimple = !section.properties && !section.items && !section.additionalProperties;
    const keys = isSimple || !below(name, section).length ? [keyOf(name, section, false)] : below(name, section);
    const rows = keys.map((key) => [
      code(key.path),
      key.type,
      key.required ? 'required' : code(key.default),
      key.description,
    ]);
    const text = isSimple || section.description === undefined ? [] : [section.description];
    return [`## ${name}`, ...text, markdownTable(['Key', 'Value', 'Default', 'Meaning'], rows)].join('\n\n');
  });
  return page('Configuration', INTRODUCTION, ...sections);
}
