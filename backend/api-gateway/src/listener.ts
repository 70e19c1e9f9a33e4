import type { RequestListener } from 'node:http';
import { createServer, type Server, type ServerOptions } from 'node:http';
import { Server as NetServer, type AddressInfo } from 'node:net';

/** A listening server. */
export interface Listener {
  readonly server: Server;
  readonly port: number;
  /** Takes no new connection; those that are open stay open, the idle ones too. */
  stopListening(): void;
  /** Takes no new connection and closes those that are open. */
  close(): Promise<void>;
}

/**
 * Listens on a port.
 *
 * @param portVariable named when the port is taken
 * @throws Error that says which variable moves the port
 */
export async function listen(
  app: RequestListener,
  at: { host: string; port: number; portVariable: string; options?: ServerOptions },
): Promise<Listener> {
  const server = createServer(at.options ?? {}, app);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(explain(error, at)));
    server.listen(at.port, at.host, resolve);
  });
  let closed: Promise<void> | undefined;
  const stopListening = (): void => {
    // that of HTTP servers would also close idle connections, with the requests that are on their way to them
    closed ??= new Promise((resolve) => NetServer.prototype.close.call(server, () => resolve()));
  };
  return {
    server,
    port: (server.address() as AddressInfo).port,
    stopListening,
    async close() {
      stopListening();
      // ends the server's own look at slow requests, too
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function explain(error: NodeJS.ErrnoException, at: { host: string; port: number; portVariable: string }): Error {
  if (error.code !== 'EADDRINUSE') return error;
  return new Error(`port ${at.port} on ${at.host} is taken: set ${at.portVariable} to another port`, { cause: error });
}
