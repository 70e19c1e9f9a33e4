import { z } from 'zod';

interface JsonSchema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
}

/** What a schema says about the keys at its paths; made once for all problems of a file. */
export interface SchemaWalk {
  /** The keys that are known at a path. */
  knownKeys(path: readonly PropertyKey[]): string[];
  /** What the key at the end of a path means. */
  description(path: readonly PropertyKey[]): string | undefined;
}

/** Walks a schema as JSON Schema. */
export function walkSchema(schema: z.ZodType): SchemaWalk {
  const root = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  const at = (path: readonly PropertyKey[]) =>
    path.reduce<JsonSchema[]>((from, key) => from.flatMap(step(key)), [root]);
  return {
    knownKeys: (path) => [
      ...new Set(
        at(path)
          .flatMap(alternatives)
          .flatMap(({ properties = {} }) => Object.keys(properties)),
      ),
    ],
    description: (path) => at(path).find(({ description }) => description !== undefined)?.description,
  };
}

function step(key: PropertyKey): (schema: JsonSchema) => JsonSchema[] {
  return (schema) =>
    alternatives(schema).flatMap(({ properties, additionalProperties, items }) => {
      const each = typeof additionalProperties === 'object' ? additionalProperties : items;
      const next = properties?.[String(key)] ?? each;
      return next === undefined ? [] : [next];
    });
}

function alternatives(schema: JsonSchema): readonly JsonSchema[] {
  return schema.anyOf ?? schema.oneOf ?? [schema];
}
