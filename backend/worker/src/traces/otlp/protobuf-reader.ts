import { DecodeError } from './bounds.ts';

/** Wire types of protobuf. Groups (3 and 4) are used by no OTLP message. */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

/**
 * Reads one protobuf message, field by field. Every read is checked against the end of the message, so that a truncated
 * or hostile one throws and nothing is read beyond it.
 *
 * Source: protobuf.dev, "Encoding".
 *
 * @example
 * const reader = new ProtobufReader(bytes);
 * while (reader.next()) {
 *   if (reader.field === 1) name = reader.string();
 *   else reader.skip();
 * }
 */
export class ProtobufReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #position: number;
  #wire = VARINT;
  /** The field at hand, after `next`. */
  field = 0;

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#position = start;
    this.#end = end;
  }

  /** Goes on to the next field; false at the end of the message. */
  next(): boolean {
    if (this.#position >= this.#end) return false;
    const tag = this.#varint();
    this.field = Math.floor(tag / 8);
    this.#wire = tag % 8;
    if (this.field === 0) throw new DecodeError('a field has the number 0');
    return true;
  }

  /** An embedded message. */
  message(): ProtobufReader {
    const end = this.#length();
    const reader = new ProtobufReader(this.#bytes, this.#position, end);
    this.#position = end;
    return reader;
  }

  string(): string {
    const end = this.#length();
    const text = this.#bytes.toString('utf8', this.#position, end);
    this.#position = end;
    return text;
  }

  /** Bytes as hex or base64. */
  bytes(encoding: 'hex' | 'base64'): string {
    const end = this.#length();
    const text = this.#bytes.toString(encoding, this.#position, end);
    this.#position = end;
    return text;
  }

  /** An enumeration or a count; what does not fit into 32 bits is cut, as protobuf says. */
  uint32(): number {
    this.#expect(VARINT);
    return Number(BigInt.asUintN(32, this.#varint64()));
  }

  bool(): boolean {
    this.#expect(VARINT);
    return this.#varint64() !== 0n;
  }

  /** A signed 64-bit integer as decimal text. */
  int64(): string {
    this.#expect(VARINT);
    return BigInt.asIntN(64, this.#varint64()).toString();
  }

  /** A `fixed64` as decimal text. */
  fixed64(): string {
    return this.#bytes.readBigUInt64LE(this.#fixed(FIXED64, 8)).toString();
  }

  double(): number {
    return this.#bytes.readDoubleLE(this.#fixed(FIXED64, 8));
  }

  fixed32(): number {
    return this.#bytes.readUInt32LE(this.#fixed(FIXED32, 4));
  }

  /** Passes over the field at hand. */
  skip(): void {
    if (this.#wire === VARINT) this.#varint64();
    else if (this.#wire === FIXED64) this.#fixed(FIXED64, 8);
    else if (this.#wire === LENGTH) this.#position = this.#length();
    else if (this.#wire === FIXED32) this.#fixed(FIXED32, 4);
    else throw new DecodeError(`wire type ${this.#wire} is not used by OTLP`);
  }

  #expect(wire: number): void {
    if (this.#wire !== wire) throw new DecodeError(`field ${this.field} has wire type ${this.#wire}, not ${wire}`);
  }

  /** Where the bytes of a fixed-size field start. */
  #fixed(wire: number, size: number): number {
    this.#expect(wire);
    const start = this.#position;
    if (start + size > this.#end) throw new DecodeError('the message ends within a field');
    this.#position = start + size;
    return start;
  }

  /** Where the bytes of a length-delimited field end; the position is then at their start. */
  #length(): number {
    this.#expect(LENGTH);
    const length = this.#varint();
    const end = this.#position + length;
    if (end > this.#end) throw new DecodeError('the message ends within a field');
    return end;
  }

  /** A tag or a length: anything beyond 2^35 is beyond every message, too. */
  #varint(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 5; i++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
    throw new DecodeError('a tag or a length is too long');
  }

  #varint64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new DecodeError('a number has more than 10 bytes');
  }

  #byte(): number {
    if (this.#position >= this.#end) throw new DecodeError('the message ends within a field');
    return this.#bytes[this.#position++] as number;
  }
}
