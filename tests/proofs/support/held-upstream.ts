import http, { type ServerResponse } from 'node:http';
import { WebSocketServer } from 'ws';

/**
 * An upstream of connections that are held: event streams that count, and WebSockets that echo.
 *
 * @param everyMs from one event of a stream to the next
 */
export function heldUpstream(everyMs: number): http.Server {
  const streams = new Map<ServerResponse, number>();
  const server = http.createServer((req, res) => {
    if (!req.url?.startsWith('/events')) return void res.end('quick');
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 0\n\n');
    streams.set(res, 0);
    res.once('close', () => streams.delete(res));
  });
  const timer = setInterval(() => {
    for (const [res, last] of streams) {
      res.write(`data: ${last + 1}\n\n`);
      streams.set(res, last + 1);
    }
  }, everyMs);
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  sockets.on('connection', (socket) => socket.on('message', (text: Buffer) => socket.send(text.toString())));
  server.once('close', () => {
    clearInterval(timer);
    sockets.close();
  });
  return server;
}
