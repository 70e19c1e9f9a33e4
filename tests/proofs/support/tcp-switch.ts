import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** One address whose server can be exchanged, as a virtual address or a pooler does it. */
export interface TcpSwitch {
  readonly port: number;
  /** Breaks all connections; new ones go to this port of loopback. */
  switchTo(port: number): void;
  close(): Promise<void>;
}

/** Listens on a free port and passes connections on. */
export async function tcpSwitch(first: number): Promise<TcpSwitch> {
  let target = first;
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    switchTo(port) {
      target = port;
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
