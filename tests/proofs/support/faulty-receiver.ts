import { createServer, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';

/** What a receiver does with what it is sent; `dead` does not listen at all. */
export type ReceiverFault = 'none' | 'dead' | 'hanging' | 'answering 500';

/** A collector or error tracker that keeps nothing and can be made to fail. */
export interface FaultyReceiver {
  readonly origin: string;
  readonly host: string;
  set(fault: ReceiverFault): Promise<void>;
  /** Requests that came since the start. */
  requests(): number;
  close(): Promise<void>;
}

/** Starts one on a free port. */
export async function startFaultyReceiver(): Promise<FaultyReceiver> {
  let fault: ReceiverFault = 'none';
  let requests = 0;
  const sockets = new Set<Socket>();
  const answer = (res: ServerResponse): void => {
    if (fault === 'hanging') return;
    res.writeHead(fault === 'answering 500' ? 500 : 200, { 'content-type': 'application/json' }).end('{}');
  };
  const server = createServer((req, res) => {
    requests++;
    req.resume().once('end', () => answer(res));
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
  });
  const listen = async (port: number): Promise<void> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    sockets.forEach((socket) => socket.destroy());
    await closed;
  };
  return {
    host: `127.0.0.1:${port}`,
    origin: `http://127.0.0.1:${port}`,
    requests: () => requests,
    async set(next) {
      fault = next;
      // what hung is let go, so that one fault does not reach into the next
      sockets.forEach((socket) => socket.destroy());
      if (next === 'dead') await stop();
      else if (!server.listening) await listen(port);
    },
    close: stop,
  };
}
