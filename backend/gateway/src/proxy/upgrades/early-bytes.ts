import type { Socket } from 'node:net';

/** More is left in the socket. */
const MAX_EARLY_BYTES = 64 * 1024;

/**
 * What a client sends while the upstream has not agreed to another protocol. It is read, since a connection that is not
 * read does not tell that its client has left.
 */
export class EarlyBytes {
  readonly #socket: Socket;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  readonly #keep = (chunk: Buffer): void => {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes >= MAX_EARLY_BYTES) this.#socket.pause();
  };
  readonly #leave = (): void => void this.#socket.destroy();

  /** @param head bytes that came together with the request */
  constructor(socket: Socket, head: Buffer) {
    this.#socket = socket;
    if (head.length > 0) this.#keep(head);
    socket.on('data', this.#keep);
    // as of any request: who ends before the answer has given it up
    socket.once('end', this.#leave);
  }

  /** Gives the socket away, with what came. */
  release(): Buffer {
    this.#socket.pause();
    this.#socket.off('data', this.#keep);
    this.#socket.off('end', this.#leave);
    return Buffer.concat(this.#chunks);
  }
}
