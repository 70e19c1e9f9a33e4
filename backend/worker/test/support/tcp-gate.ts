import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A way to a server that can be shut and opened again, so that a test decides when the server is down. */
export interface TcpGate {
  readonly port: number;
  /** Breaks all connections and refuses new ones. */
  shut(): Promise<void>;
  open(): Promise<void>;
  /** Takes connections, and passes nothing on any more. */
  hang(): void;
  /** Passes on what new connections say; what was lost on older ones stays lost. */
  resume(): void;
  close(): Promise<void>;
}

/** Stands in front of `host:port`. */
export async function tcpGate(host: string, port: number): Promise<TcpGate> {
  const sockets = new Set<Socket>();
  let hanging = false;
  const accept = (near: Socket): void => {
    const far = connect(port, host);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk) => hanging || to.write(chunk));
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  };
  const listen = (on: number) =>
    new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
      const fresh = createServer(accept);
      fresh.once('error', reject);
      fresh.listen(on, '127.0.0.1', () => resolve(fresh));
    });
  let server = await listen(0);
  const own = (server.address() as AddressInfo).port;
  const shut = async (): Promise<void> => {
    hanging = false;
    const closed = new Promise((resolve) => server.close(resolve));
    sockets.forEach((socket) => socket.destroy());
    await closed;
  };
  return {
    port: own,
    shut,
    async open() {
      server = await listen(own);
    },
    hang: () => void (hanging = true),
    resume: () => void (hanging = false),
    close: () => (server.listening ? shut() : Promise.resolve()),
  };
}
