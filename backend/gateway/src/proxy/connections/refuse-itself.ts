import type { Socket } from 'node:net';
import type { Connector } from './connection.ts';

/**
 * A connector that takes a connection which has reached itself for a refused one. At a port where nobody listens TCP may
 * choose just that port for the connecting end, when it is one of those that are given out by chance: both ends are the
 * same socket then (RFC 9293, 3.5, simultaneous open). A request would come back as its own answer, and the service that
 * is to listen there could not start.
 */
export function refusingItself(connector: Connector): Connector {
  return (options, callback) =>
    connector(options, (...result) => {
      const [error, socket] = result;
      if (error !== null || !isItself(socket)) return callback(...result);
      socket.destroy();
      callback(refused(socket), null);
    });
}

function isItself({ localPort, remotePort, localAddress, remoteAddress }: Socket): boolean {
  return localPort === remotePort && localAddress === remoteAddress;
}

function refused({ remoteAddress, remotePort }: Socket): Error {
  const message = `connect ECONNREFUSED ${remoteAddress}:${remotePort}: nobody listens, the connection had reached itself`;
  return Object.assign(new Error(message), { code: 'ECONNREFUSED' });
}
