import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** For a client to take its answer while it still sends; then its connection is closed all the same. */
const LINGER_MS = 1000;

/**
 * Has a connection closed in two steps once its answer is written. A client that still sends would otherwise be reset, and
 * lose the answer that tells it to stop.
 *
 * Source: RFC 9112, 9.6 (tear-down).
 */
export function lingerOnClose(req: IncomingMessage): void {
  const { socket } = req;
  // what Node's server calls when the last answer of a connection is written
  socket.destroySoon = () => {
    // what still comes is read and dropped
    req.resume();
    endSlowly(socket);
  };
}

/** Ends the sending side, and the whole when the client has ended too or its time is over. */
export function endSlowly(socket: Socket, lastBytes?: string): void {
  if (lastBytes === undefined) socket.end();
  else socket.end(lastBytes);
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('end', () => socket.destroy());
  socket.once('close', () => clearTimeout(timer));
}
