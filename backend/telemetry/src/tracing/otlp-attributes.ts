import { field } from './otlp-blocks.ts';
import { PADDED_LENGTH_BYTES, type ProtobufBuffer } from './protobuf-buffer.ts';

const ATTRIBUTE_TAG = (9 << 3) | 2;
const MAX_ONE_BYTE_LENGTH = 127;

/** An attribute of a span whose value is a text: everything in front of the value, encoded once. */
export interface TextKey {
  /** With lengths of one byte, which most values need. */
  readonly short: Buffer;
  /** Bytes of the longest value that these suffice for. */
  readonly shortUpToBytes: number;
  /** The key alone, for values that are longer. */
  readonly key: Buffer;
}

/** An attribute of a span whose value is an integer. */
export type IntegerKey = Buffer;

export function textKey(name: string): TextKey {
  const key = field(1, name);
  const short = Buffer.concat([Buffer.of(ATTRIBUTE_TAG, 0), key, Buffer.of(0x12, 0, 0x0a, 0)]);
  return { key, short, shortUpToBytes: MAX_ONE_BYTE_LENGTH - (short.length - 2) };
}

export function integerKey(name: string): IntegerKey {
  return Buffer.concat([Buffer.of(ATTRIBUTE_TAG, 0), field(1, name), Buffer.of(0x12, 0, 0x18)]);
}

/** Writes a text attribute; the length of a value is known only when it has been written as UTF-8. */
export function writeText(out: ProtobufBuffer, key: TextKey, value: string): void {
  const start = out.position;
  if (value.length <= key.shortUpToBytes) {
    out.copy(key.short);
    out.text(value);
    if (closeShort(out, key, start)) return;
    out.position = start;
  }
  openLong(out, key);
  out.text(value);
  closeLong(out, key, start);
}

/** Fills in the lengths, unless the value has become too long for them. */
function closeShort(out: ProtobufBuffer, { short, shortUpToBytes }: TextKey, start: number): boolean {
  const valueAt = start + short.length;
  const length = out.position - valueAt;
  if (length > shortUpToBytes) return false;
  out.bytes[start + 1] = short.length - 2 + length;
  out.bytes[valueAt - 3] = length + 2;
  out.bytes[valueAt - 1] = length;
  return true;
}

/** Begins a text attribute whose value is written in parts. */
export function openLong(out: ProtobufBuffer, { key }: TextKey): void {
  out.byte(ATTRIBUTE_TAG);
  out.open();
  out.copy(key);
  out.byte(0x12);
  out.open();
  out.byte(0x0a);
  out.open();
}

/** Ends it. @param start where `openLong` began */
export function closeLong(out: ProtobufBuffer, { key }: TextKey, start: number): void {
  const valueAt = start + 1 + PADDED_LENGTH_BYTES + key.length + 1;
  out.close(start + 1);
  out.close(valueAt);
  out.close(valueAt + PADDED_LENGTH_BYTES + 1);
}

/** Where the value of a text attribute begins that was written at `start`. */
export function valueStart(out: ProtobufBuffer, { key, short }: TextKey, start: number): number {
  const isShort = (out.bytes[start + 1] ?? 0) <= MAX_ONE_BYTE_LENGTH;
  return start + (isShort ? short.length : 1 + key.length + 2 + 3 * PADDED_LENGTH_BYTES);
}

/** Writes a non-negative integer attribute. */
export function writeInteger(out: ProtobufBuffer, key: IntegerKey, value: number): void {
  const start = out.position;
  out.copy(key);
  const valueAt = out.position;
  out.varint(value);
  const length = out.position - valueAt;
  out.bytes[start + 1] = key.length - 2 + length;
  out.bytes[valueAt - 2] = length + 1;
}
