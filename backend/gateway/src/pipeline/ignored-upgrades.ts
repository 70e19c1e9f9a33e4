import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

/** Requests behind which the parser has lost what came with them. */
const last = new WeakSet<IncomingMessage>();

/**
 * Serves a request whose offer of another protocol is not taken up, as if the offer had not been there (RFC 9110, 7.8).
 *
 * Node's parser stops behind such a request and drops the rest of its packet: the next request, or the first half of it,
 * after which the second would be read as a request. So the connection is given to the server again, without the offer
 * and with every byte that came behind it.
 */
export function serveWithoutUpgrade(server: Server, req: IncomingMessage, socket: Socket, rest: Buffer): void {
  const { method, url, httpVersion, rawHeaders: raw } = req;
  const fields = raw.flatMap((name, i) =>
    i % 2 === 0 && name.toLowerCase() !== 'upgrade' ? [`${name}: ${raw[i + 1] ?? ''}`] : [],
  );
  const head = [`${method} ${url} HTTP/${httpVersion}`, ...fields, '', ''].join('\r\n');
  socket.unshift(Buffer.concat([Buffer.from(head, 'latin1'), rest]));
  server.emit('connection', socket);
}

/** Where the server cannot be given the connection again, because answers are on their way, it ends with this request. */
export function endWith(req: IncomingMessage): void {
  last.add(req);
}

/** Whether the connection ends with a request. */
export function isLast(req: IncomingMessage): boolean {
  return req.headers.upgrade !== undefined && last.has(req);
}
