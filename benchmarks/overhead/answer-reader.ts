/** What became of the answers on one connection. */
export type AnswerEvent = 'complete' | 'bad-status' | 'bad-length' | undefined;

const END_OF_HEAD = Buffer.from('\r\n\r\n');
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)\r\n/i;

/**
 * Reads answers from the pieces that a connection delivers: a status of 2xx and a body of the expected length.
 * One answer at a time, since the generator does not pipeline.
 */
export class AnswerReader {
  readonly #bodyBytes: number;
  #head = Buffer.alloc(0);
  #leftBytes = 0;

  constructor(bodyBytes: number) {
    this.#bodyBytes = bodyBytes;
  }

  /** Takes the next piece; `complete` when it ends an answer. The piece is not kept. */
  take(piece: Buffer): AnswerEvent {
    if (this.#leftBytes > 0) return this.#takeBody(piece.length);
    const text = this.#head.length === 0 ? piece : Buffer.concat([this.#head, piece]);
    const end = text.indexOf(END_OF_HEAD);
    if (end === -1) {
      this.#head = Buffer.from(text);
      return undefined;
    }
    if (this.#head.length > 0) this.#head = Buffer.alloc(0);
    // 'HTTP/1.1 2': the first digit of the status stands at 9
    if (text[9] !== 0x32) return 'bad-status';
    if (Number(CONTENT_LENGTH.exec(text.toString('latin1', 0, end + 2))?.[1]) !== this.#bodyBytes) return 'bad-length';
    this.#leftBytes = this.#bodyBytes;
    return this.#takeBody(text.length - end - END_OF_HEAD.length);
  }

  #takeBody(bytes: number): AnswerEvent {
    this.#leftBytes -= bytes;
    if (this.#leftBytes < 0) return 'bad-length';
    return this.#leftBytes === 0 ? 'complete' : undefined;
  }
}
