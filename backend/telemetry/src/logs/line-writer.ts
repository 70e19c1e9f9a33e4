import type { Writable } from 'node:stream';
import { within } from '../within.ts';

const MEBIBYTE = 1024 * 1024;
/** Lines held while the stream is stalled. */
export const DEFAULT_MAX_BYTES = 8 * MEBIBYTE;
/** One write carries at most this much, so that the count of what waits stays near the truth. */
const BATCH_BYTES = 64 * 1024;

/** What became of the lines. */
export interface LineStats {
  /** Lines that are waiting. */
  readonly queued: number;
  readonly written: number;
  readonly dropped: number;
}

/**
 * Writes lines to a stream in batches, in a bounded queue: when the stream stalls, new lines are dropped and counted,
 * nobody waits, and the first line after it recovers says how many are missing.
 */
export class LineWriter {
  readonly #stream: Writable;
  readonly #maxBytes: number;
  readonly #gap: (dropped: number) => string;
  #lines: string[] = [];
  #bytes = 0;
  #scheduled = false;
  #stalled = false;
  #broken = false;
  #written = 0;
  #dropped = 0;
  #droppedSinceGap = 0;

  /** @param gap makes the line that says how many were dropped */
  constructor(stream: Writable, maxBytes: number, gap: (dropped: number) => string) {
    this.#stream = stream;
    this.#maxBytes = maxBytes;
    this.#gap = gap;
    // a reader that went away (EPIPE) must not end the process
    stream.on('error', this.#onError);
    stream.on('drain', this.#onDrain);
  }

  /** Queues one line, without its line break. */
  write(line: string): void {
    if (this.#broken || this.#bytes + line.length > this.#maxBytes) {
      this.#dropped++;
      this.#droppedSinceGap++;
      return;
    }
    this.#lines.push(line);
    this.#bytes += line.length + 1;
    if (this.#scheduled || this.#stalled) return;
    this.#scheduled = true;
    setImmediate(this.#flush);
  }

  stats(): LineStats {
    return { queued: this.#lines.length, written: this.#written, dropped: this.#dropped };
  }

  /** Writes what waits and resolves when the stream has taken it, or after `limitMs`. */
  async close(limitMs: number): Promise<void> {
    await within(limitMs, this.#drained());
    this.#stream.off('drain', this.#onDrain);
    this.#stream.off('error', this.#onError);
    // one listener stays: a late EPIPE would otherwise end the process
    if (!this.#stream.listeners('error').includes(ignoreLateError)) this.#stream.on('error', ignoreLateError);
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    while (!this.#stalled && !this.#broken && this.#lines.length > 0) this.#writeBatch();
    if (!this.#stalled && this.#droppedSinceGap > 0 && !this.#broken) this.#tellGap();
  };

  #writeBatch(): void {
    let bytes = 0;
    let count = 0;
    while (count < this.#lines.length && bytes < BATCH_BYTES) bytes += (this.#lines[count++] ?? '').length + 1;
    const batch = this.#lines.splice(0, count);
    this.#bytes -= bytes;
    this.#written += count;
    this.#stalled = !this.#stream.write(`${batch.join('\n')}\n`);
  }

  #tellGap(): void {
    const line = this.#gap(this.#droppedSinceGap);
    this.#droppedSinceGap = 0;
    this.write(line);
  }

  async #drained(): Promise<void> {
    this.#flush();
    while (!this.#broken && (this.#lines.length > 0 || this.#stream.writableLength > 0)) {
      await new Promise<void>((resolve) => this.#stream.write('', () => resolve()));
      this.#stalled = false;
      this.#flush();
    }
  }

  readonly #onDrain = (): void => {
    this.#stalled = false;
    this.#flush();
  };

  readonly #onError = (): void => {
    this.#broken = true;
    this.#dropped += this.#lines.length;
    this.#lines = [];
    this.#bytes = 0;
  };
}

function ignoreLateError(): void {}
