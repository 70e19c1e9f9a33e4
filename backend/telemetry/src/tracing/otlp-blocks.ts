import type { Attributes } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';

/**
 * Parts of OTLP messages that are encoded once and copied ever after.
 * Source: opentelemetry/proto/{trace,common,resource}/v1/*.proto.
 */

const LENGTH_DELIMITED = 2;

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

/** A message, text or bytes field. */
export function field(number: number, content: Buffer | string): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([varint((number << 3) | LENGTH_DELIMITED), varint(bytes.length), bytes]);
}

/** An integer or enumeration field. */
export function integerField(number: number, value: number): Buffer {
  return Buffer.concat([varint(number << 3), varint(value)]);
}

/** A KeyValue as the field `number` of its message. */
export function attribute(number: number, key: string, value: string | number | boolean): Buffer {
  return field(number, Buffer.concat([field(1, key), field(2, anyValue(value))]));
}

function anyValue(value: unknown): Buffer {
  if (typeof value === 'string') return field(1, value);
  if (typeof value === 'boolean') return integerField(2, value ? 1 : 0);
  if (Array.isArray(value)) return field(5, Buffer.concat(value.map((item) => field(1, anyValue(item)))));
  if (typeof value !== 'number') return Buffer.alloc(0);
  return Number.isSafeInteger(value) && value >= 0 ? integerField(3, value) : doubleField(value);
}

function doubleField(value: number): Buffer {
  const bytes = Buffer.alloc(9, (4 << 3) | 1);
  bytes.writeDoubleLE(value, 1);
  return bytes;
}

/** The field `resource` of ResourceSpans. */
export function resourceBlock({ attributes }: Resource): Buffer {
  return field(1, attributesBlock(1, attributes));
}

function attributesBlock(number: number, attributes: Attributes): Buffer {
  const pairs = Object.entries(attributes).map(([key, value]) =>
    field(number, Buffer.concat([field(1, key), field(2, anyValue(value))])),
  );
  return Buffer.concat(pairs);
}

/** Tag, length and tag of a fixed-size event's parts around its time: `[before, after]`. */
export function eventBlocks(name: string): readonly [Buffer, Buffer] {
  const after = field(2, name);
  return [Buffer.concat([varint((11 << 3) | LENGTH_DELIMITED), varint(9 + after.length), Buffer.of(0x09)]), after];
}
