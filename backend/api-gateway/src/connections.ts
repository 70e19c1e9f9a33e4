import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** What Node keeps with a connection of its HTTP server. */
interface HttpSocket extends Socket {
  /** The answer that is being written. */
  readonly _httpMessage?: ServerResponse | null;
  /** Absent once the connection has been upgraded: it is not the server's any more. */
  readonly parser?: { readonly incoming?: { readonly complete: boolean } | null } | null;
}

interface Seen {
  bytesRead: number;
  atMs: number;
}

/** The open connections of a server, so that they can be ended without a request being lost. */
export class Connections {
  readonly #open = new Map<HttpSocket, Seen>();

  constructor(server: Server) {
    server.on('connection', (socket: HttpSocket) => {
      // the gateway gives a connection to the server again when its offer of another protocol is not taken up
      if (this.#open.has(socket)) return;
      this.#open.set(socket, { bytesRead: 0, atMs: -Infinity });
      socket.once('close', () => this.#open.delete(socket));
    });
  }

  /** Connections that are open, upgraded ones included. */
  get size(): number {
    return this.#open.size;
  }

  /** Lets the answers that are being written be the last of their connections, as far as they can still say so. */
  closeAfterAnswers(): void {
    for (const { _httpMessage: answer } of this.#open.keys()) {
      if (answer && !answer.headersSent) answer.shouldKeepAlive = false;
    }
  }

  /**
   * Closes the connections on which nothing has happened for a while. One that is closed the moment its client uses it
   * loses a request, so those that are used often are left open for their next request, which is told to be the last.
   *
   * @param quietMs since the first look, nothing is known of the time before
   */
  closeQuiet(quietMs: number): void {
    const nowMs = performance.now();
    for (const [socket, seen] of this.#open) {
      const isUsed = isServing(socket) || socket.bytesRead !== seen.bytesRead || seen.atMs === -Infinity;
      if (isUsed) {
        seen.bytesRead = socket.bytesRead;
        seen.atMs = nowMs;
      } else if (nowMs - seen.atMs >= quietMs) socket.destroy();
    }
  }
}

/** Whether a connection is in use: by an answer, by a request that is still coming, or by another protocol. */
function isServing({ _httpMessage: answer, parser }: HttpSocket): boolean {
  return answer != null || parser == null || parser.incoming?.complete === false;
}
