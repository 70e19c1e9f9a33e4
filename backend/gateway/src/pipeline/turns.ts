import { Failure } from '@clearway/kernel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Has the requests of a connection served one after the other: a client may send some before it has read the answers to
 * those before, and whoever serves them all at once lets one connection take as much as it likes.
 *
 * Source: RFC 9112, 9.3.2 (pipelining).
 */
export class Turns {
  readonly #waiting = new WeakMap<Socket, number>();

  /**
   * Calls `serve` when every answer before is written. A connection on which more than `maxWaiting` requests wait is
   * closed: reading on would have to keep all of them.
   */
  wait(req: IncomingMessage, res: ServerResponse, maxWaiting: number, serve: () => void): void {
    const { socket } = req;
    const waiting = (this.#waiting.get(socket) ?? 0) + 1;
    if (waiting > maxWaiting) {
      const message = `more than ${maxWaiting} requests were sent ahead of their answers`;
      socket.destroy(new Failure('request_invalid', { message }));
      return;
    }
    this.#waiting.set(socket, waiting);
    // when Node's server gives the socket to an answer, those before are written
    res.once('socket', () => {
      this.#waiting.set(socket, (this.#waiting.get(socket) ?? 1) - 1);
      // an answer that is finished within this event would be finished twice
      process.nextTick(() => {
        if (!socket.destroyed) serve();
      });
    });
  }
}
