import type { AnyValue, KeyValue } from './common.ts';

/** An attribute's value as JavaScript holds it. */
export type AttributeValue = string | number | boolean | null | readonly AttributeValue[] | AttributeRecord;

/** Attributes by their keys. */
export interface AttributeRecord {
  readonly [key: string]: AttributeValue;
}

/**
 * The plain value of an OTLP value: integers beyond 2^53 lose precision, bytes stay base64, an empty value is null.
 *
 * @example
 * attributeValue({ intValue: '200' }) // 200
 */
export function attributeValue(value: AnyValue): AttributeValue {
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.intValue !== undefined) return Number(value.intValue);
  if (value.doubleValue !== undefined) return Number(value.doubleValue);
  if (value.arrayValue) return value.arrayValue.values.map(attributeValue);
  if (value.kvlistValue) return attributesOf(value.kvlistValue.values);
  return value.bytesValue ?? null;
}

/**
 * OTLP's list of attributes as an object; of a key that stands twice, the last one counts.
 *
 * @example
 * attributesOf(span.attributes)['http.route'] // '/v1/tracks/*'
 */
export function attributesOf(attributes: readonly KeyValue[]): AttributeRecord {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, attributeValue(value)]));
}
