import { z } from 'zod';

/** Nanoseconds since 1970 as a decimal string: 64-bit integers are strings in protobuf's JSON. */
export const unixNanoSchema = z.string().regex(/^\d{1,20}$/);

/** What an attribute or a log body holds: exactly one of the fields; none means an empty value. */
export interface AnyValue {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  /** A signed 64-bit integer as a decimal string. */
  readonly intValue?: string;
  /** `NaN` and the infinities are strings in protobuf's JSON. */
  readonly doubleValue?: number | 'NaN' | 'Infinity' | '-Infinity';
  readonly arrayValue?: { readonly values: readonly AnyValue[] };
  readonly kvlistValue?: { readonly values: readonly KeyValue[] };
  /** Base64. */
  readonly bytesValue?: string;
}

/** An attribute. */
export interface KeyValue {
  readonly key: string;
  readonly value: AnyValue;
}

/**
 * OTLP's `AnyValue` in JSON.
 *
 * Source: OTLP 1.7, "JSON Protobuf Encoding".
 */
export const anyValueSchema: z.ZodType<AnyValue> = z
  .lazy(() =>
    z.object({
      stringValue: z.string().exactOptional(),
      boolValue: z.boolean().exactOptional(),
      intValue: z
        .string()
        .regex(/^-?\d{1,19}$/)
        .exactOptional(),
      doubleValue: z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]).exactOptional(),
      arrayValue: z
        .object({ values: z.array(anyValueSchema).readonly() })
        .readonly()
        .exactOptional(),
      kvlistValue: z
        .object({ values: z.array(keyValueSchema).readonly() })
        .readonly()
        .exactOptional(),
      bytesValue: z.base64().exactOptional(),
    }),
  )
  .meta({ id: 'AnyValue', description: 'A value of OTLP: one field is set, or none.' });

/** OTLP's `KeyValue` in JSON. */
export const keyValueSchema: z.ZodType<KeyValue> = z
  .lazy(() => z.object({ key: z.string(), value: anyValueSchema }))
  .meta({ id: 'KeyValue' });

/** Who sent: the attributes of a process, `service.name` among them. */
export const resourceSchema = z
  .object({
    attributes: z.array(keyValueSchema).readonly(),
    droppedAttributesCount: z.int().exactOptional(),
  })
  .readonly()
  .meta({ id: 'Resource' });

/** Which library sent. */
export const scopeSchema = z
  .object({
    name: z.string(),
    version: z.string().exactOptional(),
    attributes: z.array(keyValueSchema).readonly().exactOptional(),
    droppedAttributesCount: z.int().exactOptional(),
  })
  .readonly()
  .meta({ id: 'InstrumentationScope' });

export type Resource = z.output<typeof resourceSchema>;
export type InstrumentationScope = z.output<typeof scopeSchema>;
