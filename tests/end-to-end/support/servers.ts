import { once } from 'node:events';
import http, { type RequestListener } from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';

/** Opens upstreams that fail as a case needs it, and closes them in the end. */
export interface Servers {
  /** An origin that speaks HTTP. */
  http(listener: RequestListener): Promise<string>;
  /** An origin that speaks whatever it likes. */
  raw(onSocket: (socket: Socket) => void): Promise<string>;
  /** The origin of any other server. */
  listen(server: net.Server): Promise<string>;
  /** An origin at which nobody listens. */
  closed(): Promise<string>;
  /** Registers what else is to be closed. */
  onClose(release: () => unknown): void;
  close(): Promise<void>;
}

/** Servers on free ports of this machine. */
export function openServers(): Servers {
  const releases: (() => unknown)[] = [];
  const open = async (server: net.Server): Promise<string> => {
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    releases.push(() => {
      server.close();
      sockets.forEach((socket) => socket.destroy());
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  return {
    http: (listener) => open(http.createServer(listener)),
    raw: (onSocket) => open(net.createServer(onSocket)),
    listen: open,
    closed: closedOrigin,
    onClose: (release) => void releases.push(release),
    async close() {
      for (const release of releases.splice(0).reverse()) await release();
    },
  };
}

/** An origin at which nobody listens. */
export async function closedOrigin(): Promise<string> {
  return `http://127.0.0.1:${await freePort()}`;
}

const LOWEST_PORT = 20_000;
const HIGHEST_PORT = 32_000;

/**
 * A port of this machine at which nobody listens. Systems give those from 32768 on to whoever asks for any, so that one of
 * them could be taken before the test uses it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = LOWEST_PORT + Math.floor(Math.random() * (HIGHEST_PORT - LOWEST_PORT));
    const server = net.createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
