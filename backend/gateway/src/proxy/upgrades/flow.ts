import type { Duplex } from 'node:stream';
import type { FrameTracker } from './websocket-frames.ts';

/** One direction of an upgraded connection: what comes from one side goes to the other, no faster than that takes it. */
export class Flow {
  readonly #from: Duplex;
  readonly #to: Duplex;
  readonly #frames: FrameTracker | undefined;
  readonly #onBytes: (bytes: number) => void;
  /** Put behind the frame that is under way; nothing follows it. */
  #lastBytes: Buffer | undefined;
  #isCut = false;

  /**
   * @param frames of a WebSocket; other protocols are not looked into
   * @param onBytes called with the size of each piece
   */
  constructor(from: Duplex, to: Duplex, frames: FrameTracker | undefined, onBytes: (bytes: number) => void) {
    this.#from = from;
    this.#to = to;
    this.#frames = frames;
    this.#onBytes = onBytes;
  }

  /** @param head bytes that came together with the headers */
  start(head: Buffer): void {
    this.#from.on('data', (chunk: Buffer) => this.#pass(chunk));
    // the other direction goes on: each side says by itself that it has nothing more to send
    this.#from.once('end', () => this.#to.end());
    if (head.length > 0) this.#pass(head);
    this.#from.resume();
  }

  /** Ends with these bytes as soon as they can stand there; what still comes is dropped. */
  endWith(lastBytes: Buffer): void {
    if (this.#isCut || this.#frames?.hasClosed === true) return;
    this.#lastBytes = lastBytes;
    if (this.#frames?.isAtBoundary !== false) this.#cut();
  }

  /** Whether the sending side has said that it closes. */
  get hasClosed(): boolean {
    return this.#frames?.hasClosed === true;
  }

  #pass(chunk: Buffer): void {
    this.#onBytes(chunk.length);
    if (this.#isCut) return void this.#frames?.take(chunk);
    const taken = this.#frames?.take(chunk, this.#lastBytes !== undefined) ?? chunk.length;
    this.#write(taken === chunk.length ? chunk : chunk.subarray(0, taken));
    if (this.#lastBytes === undefined || this.#frames?.isAtBoundary === false) return;
    this.#cut();
    this.#frames?.take(chunk.subarray(taken));
  }

  #cut(): void {
    this.#isCut = true;
    if (this.#lastBytes !== undefined) this.#write(this.#lastBytes);
  }

  #write(chunk: Buffer): void {
    if (!this.#to.writable || this.#to.write(chunk)) return;
    this.#from.pause();
    this.#to.once('drain', () => this.#from.resume());
  }
}
