import type { RequestListener } from 'node:http';
import { createServer, type Server, type ServerOptions } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A listening server. */
export interface Listener {
  readonly server: Server;
  readonly port: number;
  /** Takes no new connection and closes idle ones; requests under way go on. */
  stopAccepting(): Promise<void>;
  /** Closes what is left. */
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
  const stopAccepting = (): Promise<void> => {
    closed ??= new Promise((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    return Promise.resolve();
  };
  return {
    server,
    port: (server.address() as AddressInfo).port,
    stopAccepting,
    async close() {
      await stopAccepting();
      server.closeAllConnections();
      await closed;
    },
  };
}

function explain(error: NodeJS.ErrnoException, at: { host: string; port: number; portVariable: string }): Error {
  if (error.code !== 'EADDRINUSE') return error;
  return new Error(`port ${at.port} on ${at.host} is taken: set ${at.portVariable} to another port`, { cause: error });
}
