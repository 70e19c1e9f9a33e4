/** Opcode of a Close frame. */
const CLOSE = 8;

/**
 * Follows the frames of one direction of a WebSocket without looking into them: where one ends, another may be put between,
 * and whether the side that sends has said that it closes.
 *
 * Source: RFC 6455, 5.2 (base framing protocol).
 */
export class FrameTracker {
  /** Of the header that is being read: at most 14 bytes. */
  readonly #header = Buffer.alloc(14);
  #headerBytes = 0;
  #payloadLeft = 0;
  /** Whether a Close frame has begun. */
  hasClosed = false;

  /** Whether the next byte begins a frame. */
  get isAtBoundary(): boolean {
    return this.#headerBytes === 0 && this.#payloadLeft === 0;
  }

  /**
   * Takes the next bytes.
   *
   * @param untilBoundary stops where the frame that is under way ends
   * @returns how many were taken
   */
  take(chunk: Buffer, untilBoundary = false): number {
    let position = 0;
    while (position < chunk.length) {
      if (this.#payloadLeft > 0) {
        const step = Math.min(this.#payloadLeft, chunk.length - position);
        this.#payloadLeft -= step;
        position += step;
      } else position += this.#takeHeader(chunk, position);
      if (untilBoundary && this.isAtBoundary) break;
    }
    return position;
  }

  #takeHeader(chunk: Buffer, from: number): number {
    let position = from;
    while (position < chunk.length && this.#headerBytes < this.#headerLength()) {
      this.#header[this.#headerBytes++] = chunk[position++] as number;
    }
    if (this.#headerBytes >= 2 && this.#headerBytes === this.#headerLength()) {
      this.#payloadLeft = this.#payloadLength();
      if (((this.#header[0] as number) & 0x0f) === CLOSE) this.hasClosed = true;
      this.#headerBytes = 0;
    }
    return position - from;
  }

  /** Two bytes say how long it is: a longer length and a mask may follow. */
  #headerLength(): number {
    if (this.#headerBytes < 2) return 2;
    const second = this.#header[1] as number;
    const length = second & 0x7f;
    return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + ((second & 0x80) === 0 ? 0 : 4);
  }

  #payloadLength(): number {
    const length = (this.#header[1] as number) & 0x7f;
    if (length === 126) return this.#header.readUInt16BE(2);
    return length === 127 ? Number(this.#header.readBigUInt64BE(2)) : length;
  }
}

/**
 * A Close frame.
 *
 * Source: RFC 6455, 5.5.1 and 7.4.
 *
 * @param code such as 1001, going away
 * @param isMasked whether it is sent as a client: with a mask of zeros, which leaves the text readable and is a mask
 */
export function closeFrame(code: number, reason: string, isMasked: boolean): Buffer {
  const payload = Buffer.concat([Buffer.of(code >>> 8, code & 0xff), Buffer.from(reason, 'utf8')]);
  if (payload.length > 125) throw new RangeError('the reason of a Close frame has at most 123 bytes');
  const mask = isMasked ? Buffer.alloc(4) : Buffer.alloc(0);
  return Buffer.concat([Buffer.of(0x80 | CLOSE, payload.length | (isMasked ? 0x80 : 0)), mask, payload]);
}
