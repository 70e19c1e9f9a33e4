import { BackupFailure } from '../failures.ts';
import { counted } from '../sentences.ts';

/** Reads a stream of bytes in pieces of the reader's choice; what was read is let go. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #buffer: Buffer = Buffer.alloc(0);
  #atEnd = false;
  #position = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** How many bytes were taken so far. */
  get position(): number {
    return this.#position;
  }

  /** What can be looked at without waiting. */
  get buffered(): Buffer {
    return this.#buffer;
  }

  /** Waits until `count` bytes are buffered. Returns false when the stream ends before. */
  async fill(count: number): Promise<boolean> {
    if (this.#buffer.length >= count) return true;
    const pieces = [this.#buffer];
    let length = this.#buffer.length;
    while (length < count && !this.#atEnd) {
      const next = await this.#source.next();
      if (next.done === true) this.#atEnd = true;
      else {
        const piece: Uint8Array = next.value;
        pieces.push(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
        length += piece.byteLength;
      }
    }
    this.#buffer = pieces.length === 1 ? this.#buffer : Buffer.concat(pieces, length);
    return length >= count;
  }

  /** Waits for more than is buffered. Returns false at the end. */
  more(): Promise<boolean> {
    return this.fill(this.#buffer.length + 1);
  }

  /** Lets go of bytes that are buffered. */
  skip(count: number): void {
    this.#buffer = this.#buffer.subarray(count);
    this.#position += count;
  }

  /** Takes bytes that are buffered. */
  take(count: number): Buffer {
    const bytes = this.#buffer.subarray(0, count);
    this.skip(count);
    return bytes;
  }

  /**
   * Takes exactly `count` bytes.
   *
   * @throws BackupFailure `damaged` when the stream ends before
   */
  async read(count: number): Promise<Buffer> {
    if (!(await this.fill(count))) throw truncated(this.#position + this.#buffer.length);
    return this.take(count);
  }
}

/** The failure of an archive that ends too early. */
export const truncated = (position: number): BackupFailure =>
  new BackupFailure('damaged', `the dump ends in the middle, after ${counted(position, 'byte')}`);

/** Reads what nobody looks at, so that it is known to be there. */
export async function readToEnd(source: AsyncIterable<unknown>): Promise<void> {
  const iterator = source[Symbol.asyncIterator]();
  while (!(await iterator.next()).done);
}
