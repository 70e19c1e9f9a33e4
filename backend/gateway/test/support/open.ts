import { afterEach } from '@jest/globals';
import type { Server, Socket } from 'node:net';
import type { GatewayUnderTest } from './gateway-under-test.ts';

const closings: (() => unknown)[] = [];

/** Waits for what is being opened and closes it after the test, last opened first. */
export const open = async <T extends GatewayUnderTest | Server>(opening: Promise<T>): Promise<T> => {
  const thing = await opening;
  closings.push('gateway' in thing ? () => thing.close() : closingOf(thing));
  return thing;
};

/** A server knows nothing of connections that were upgraded, and they outlive it unless its own end is closed, too. */
function closingOf(server: Server): () => void {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return () => {
    server.close();
    sockets.forEach((socket) => socket.destroy());
  };
}

afterEach(async () => {
  for (const close of closings.splice(0).reverse()) await close();
});
