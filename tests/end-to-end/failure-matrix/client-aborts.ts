import type { Socket } from 'node:net';
import type { RawClient, Received } from '../support/raw-client.ts';
import type { Servers } from '../support/servers.ts';
import { head, type ExpectedAttempt, type FailureCase, type FailureGroup } from './case.ts';

/**
 * A client that leaves as soon as the upstream has come to the point that is meant. The gateway must part with the upstream
 * at once: the case ends only when it has.
 *
 * @param act what the upstream does with the connection; calls `leave` at that point
 */
function leaving(
  phase: string,
  sent: string,
  act: (socket: Socket, leave: () => void) => void,
  { status = 499, attempt = {}, isTls = false }: { status?: number; attempt?: ExpectedAttempt; isTls?: boolean } = {},
): FailureCase {
  const reached = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const [method] = sent.split(' ', 1);
  return {
    title: `while it is in the phase ${phase}`,
    reason: 'client_abort',
    status,
    answer: 'none',
    phase,
    attempts: [{ ...attempt, reason: 'client_abort' }],
    method: method ?? '',
    async upstream(servers: Servers) {
      const origin = await servers.raw((socket) => {
        socket.once('close', () => released.resolve());
        act(socket, () => reached.resolve());
      });
      return { targets: [{ url: isTls ? origin.replace('http', 'https') : origin }], timeouts: { connectMs: 20_000 } };
    },
    async request(client: RawClient, path: string): Promise<Received> {
      const connection = client.connect();
      connection.socket.write(sent.replace(':path', path));
      await reached.promise;
      if (status === 200) await connection.until('half');
      connection.socket.destroy();
      await released.promise;
      return connection.closed;
    },
  };
}

const GET = head('GET :path');
const POST = `${head('POST :path', 'Content-Length: 100')}part`;

/** A client that leaves: in whichever phase, the upstream request ends at once and the record says how far it came. */
export const clientAborts: FailureGroup = {
  name: 'clients that leave',
  cases: [
    leaving('connect', GET, (socket, leave) => void socket.once('data', leave), { isTls: true }),
    leaving('request_body', POST, (socket, leave) => {
      socket.on('data', (chunk) => chunk.includes('part') && leave());
    }),
    leaving('upstream_headers', GET, (socket, leave) => void socket.once('data', leave)),
    leaving(
      'upstream_body',
      GET,
      (socket, leave) =>
        void socket.once('data', () => {
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf', leave);
        }),
      { status: 200, attempt: { status: 200 } },
    ),
  ],
};
