/** Above this a call into V8 is cheaper than a loop. */
const LOOP_UP_TO_LENGTH = 48;
const NIBBLES = nibbles();

/** A value's length takes three bytes wherever it is not known before: up to 2 MiB, more than a buffer holds. */
export const PADDED_LENGTH_BYTES = 3;

/**
 * Writes protobuf into one buffer that is used again and again. A text that does not fit sets `isFull` and is left out;
 * everything else must be given room by its caller.
 *
 * Source: protobuf.dev, "Encoding"; a length may be padded with continuation bits, which every reader takes.
 */
export class ProtobufBuffer {
  bytes: Buffer;
  position = 0;
  /** Where texts must end. */
  readonly limit: number;
  isFull = false;

  /** @param slackBytes kept free behind the texts, for what has a fixed size */
  constructor(bytes: Buffer, slackBytes: number) {
    this.bytes = bytes;
    this.limit = bytes.length - slackBytes;
  }

  /** Copies bytes that were encoded before. */
  copy(block: Uint8Array): void {
    if (this.position + block.length > this.limit) {
      this.isFull = true;
      return;
    }
    if (block.length > LOOP_UP_TO_LENGTH) {
      this.bytes.set(block, this.position);
      this.position += block.length;
      return;
    }
    const { bytes } = this;
    let { position } = this;
    for (let at = 0; at < block.length; at++) bytes[position++] = block[at] ?? 0;
    this.position = position;
  }

  /** Copies what stands in this buffer already. */
  repeat(from: number, length: number): void {
    if (this.position + length > this.limit) {
      this.isFull = true;
      return;
    }
    const { bytes, position } = this;
    if (length > LOOP_UP_TO_LENGTH) bytes.copyWithin(position, from, from + length);
    else for (let at = 0; at < length; at++) bytes[position + at] = bytes[from + at] ?? 0;
    this.position = position + length;
  }

  byte(value: number): void {
    this.bytes[this.position++] = value;
  }

  /** A non-negative integer. */
  varint(value: number): void {
    let rest = value;
    while (rest > 0x7fffffff) {
      this.bytes[this.position++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    while (rest > 127) {
      this.bytes[this.position++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.bytes[this.position++] = rest;
  }

  /** Leaves room for a length and returns where. */
  open(): number {
    const at = this.position;
    this.position += PADDED_LENGTH_BYTES;
    return at;
  }

  /** Writes the length of what was written since `open`. */
  close(at: number): void {
    const length = this.position - at - PADDED_LENGTH_BYTES;
    this.bytes[at] = (length & 127) | 128;
    this.bytes[at + 1] = ((length >>> 7) & 127) | 128;
    this.bytes[at + 2] = length >>> 14;
  }

  /** UTF-8 without a length. */
  text(value: string): void {
    // three bytes are the most that one UTF-16 unit becomes
    if (this.position + value.length * 3 > this.limit) {
      this.isFull = true;
      return;
    }
    if (value.length > LOOP_UP_TO_LENGTH || !this.#ascii(value)) {
      this.position += this.bytes.write(value, this.position, 'utf8');
    }
  }

  /** Whether the short text was plain ASCII and has been written. */
  #ascii(value: string): boolean {
    const { bytes, position } = this;
    for (let at = 0; at < value.length; at++) {
      const code = value.charCodeAt(at);
      if (code > 127) return false;
      bytes[position + at] = code;
    }
    this.position = position + value.length;
    return true;
  }

  /** An id's bytes from its lower-case hex digits. */
  hex(digits: string): void {
    const { bytes } = this;
    let { position } = this;
    for (let at = 0; at < digits.length; at += 2) {
      const high = NIBBLES[digits.charCodeAt(at)] ?? 0;
      bytes[position++] = (high << 4) | (NIBBLES[digits.charCodeAt(at + 1)] ?? 0);
    }
    this.position = position;
  }

  /**
   * Nanoseconds since 1970 as fixed64, rounded as the SDK's own times are.
   *
   * A second is 1953125 times 512 ns, so that the product stays exact in a double until the year 2116.
   *
   * @param timeMs milliseconds since 1970, with fractions
   */
  time(timeMs: number): void {
    const seconds = Math.trunc(timeMs / 1000);
    const units = seconds * 1_953_125;
    const high = Math.floor(units / 0x80_0000);
    const low = (units - high * 0x80_0000) * 512 + Math.round((timeMs - seconds * 1000) * 1e6);
    const carry = low > 0xffff_ffff ? 1 : 0;
    this.#fixed32(low - carry * 0x1_0000_0000);
    this.#fixed32(high + carry);
  }

  #fixed32(value: number): void {
    const { bytes, position } = this;
    bytes[position] = value & 255;
    bytes[position + 1] = (value >>> 8) & 255;
    bytes[position + 2] = (value >>> 16) & 255;
    bytes[position + 3] = value >>> 24;
    this.position = position + 4;
  }
}

function nibbles(): Uint8Array {
  const table = new Uint8Array(256);
  for (const [value, digit] of [...'0123456789abcdef'].entries()) {
    table[digit.charCodeAt(0)] = value;
    table[digit.toUpperCase().charCodeAt(0)] = value;
  }
  return table;
}
