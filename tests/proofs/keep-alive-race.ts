import net, { type Socket } from 'node:net';
import { once } from 'node:events';
import { startGatewayProcess, sumOf } from './support/gateway-process.ts';
import { load, type LoadRequest } from './support/load.ts';
import { atLeast, atMost, type Proof, type ProofContext } from './support/proof.ts';

/** RFC 9110, 9.2.2: what may be sent again. A body that was partly sent may not. */
const REPEATABLE = ['GET', 'GET', 'GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'];
const OTHERS = ['POST', 'PATCH', 'PUT with a body'];
const CONNECTIONS = 32;
/** Share of the requests on a used connection that the upstream leaves unanswered, as if it had closed it just before. */
const LEAVES = 0.15;

export const proof: Proof = {
  guarantee:
    'An upstream that closes idle connections costs no request that may be repeated, and none is sent twice that may not be.',
  async run({ isShort, progress }: ProofContext) {
    const requests = isShort ? 1000 : 10_000;
    const upstream = await startUpstream();
    const gateway = await startGatewayProcess(
      {
        upstreams: { main: { targets: [{ url: upstream.origin }] } },
        routes: [{ id: 'all', match: { path: '/*' }, upstream: 'main' }],
      },
      { OTEL_ENABLED: 'false' },
    );
    const failed = { repeatable: 0, other: 0 };
    let sent = 0;
    let answered = 0;
    try {
      await load({
        origin: gateway.origin,
        connections: CONNECTIONS,
        // idle for a moment, so that there is something to be closed
        pauseMs: 4,
        next: () => (sent < requests ? requestOf(sent++) : undefined),
        onAnswer({ request, status }) {
          if (status !== 200) failed[isRepeatable(request) ? 'repeatable' : 'other']++;
          if (++answered % 1000 === 0) progress(`${answered} requests, ${upstream.left()} left by the upstream`);
        },
      });
      const attempts = await gateway.scrape();
      const reset = sumOf(attempts, 'clearway_attempts_total', { reason: 'reset_before_headers' });
      const received = upstream.received();
      return {
        bars: [
          atMost('requests that may be repeated and were not answered 200', failed.repeatable, 0),
          atMost('requests received twice that may not be repeated', received.otherTwice, 0),
          atMost('requests received more than twice', received.moreThanTwice, 0),
          atLeast('requests repeated', received.repeatableTwice, requests / 100),
          atLeast('requests that the upstream left', upstream.left(), requests / 50),
        ],
        measurements: {
          requests,
          connections: CONNECTIONS,
          attemptsReset: reset,
          leftUnanswered: upstream.left(),
          closedWhileIdle: upstream.closed(),
          notRepeatableFailed: failed.other,
          ...received,
        },
      };
    } finally {
      await gateway.stop();
      upstream.close();
    }
  },
};

function requestOf(number: number): LoadRequest {
  const all = [...REPEATABLE, ...OTHERS];
  const kind = all[number % all.length] ?? 'GET';
  const [method = 'GET'] = kind.split(' ', 1);
  const body = OTHERS.includes(kind) ? { body: 'x'.repeat(10) } : {};
  return { method, path: `/${number}`, ...body };
}

function isRepeatable({ body }: LoadRequest): boolean {
  return body === undefined;
}

/** An upstream that closes connections while they are idle, in every way and at every moment. */
async function startUpstream() {
  /** How often each request was received, by its number. */
  const seen = new Map<string, { times: number; isOther: boolean }>();
  const counts = { left: 0, closed: 0 };
  const server = net.createServer((socket) => serve(socket, seen, counts));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    left: () => counts.left,
    closed: () => counts.closed,
    received() {
      const twice = [...seen.values()].filter(({ times }) => times > 1);
      return {
        otherTwice: twice.filter(({ isOther }) => isOther).length,
        repeatableTwice: twice.filter(({ isOther }) => !isOther).length,
        moreThanTwice: twice.filter(({ times }) => times > 2).length,
      };
    },
    close() {
      server.close();
      sockets.forEach((socket) => socket.destroy());
    },
  };
}

function serve(
  socket: Socket,
  seen: Map<string, { times: number; isOther: boolean }>,
  counts: { left: number; closed: number },
): void {
  let served = 0;
  let timer: NodeJS.Timeout | undefined;
  let text = '';
  socket.on('error', () => undefined).on('close', () => clearTimeout(timer));
  socket.on('data', (chunk) => {
    clearTimeout(timer);
    text += chunk.toString('latin1');
    const request = /^(\w+) \/(\d+) HTTP\/1\.1\r\n([\s\S]*?)\r\n\r\n/.exec(text);
    if (!request) return;
    const [head, method = '', number = '', fields = ''] = request;
    const length = Number(/content-length: (\d+)/i.exec(fields)?.[1] ?? 0);
    const isFirst = (seen.get(number)?.times ?? 0) === 0;
    // a body that is on its way still has been received: its request may have been acted on
    if (text.length < head.length + length) return;
    text = '';
    seen.set(number, { times: (seen.get(number)?.times ?? 0) + 1, isOther: length > 0 });
    if (served++ > 0 && isFirst && Math.random() < LEAVES) {
      counts.left++;
      return leave(socket);
    }
    const body = method === 'HEAD' ? '' : 'ok';
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${body}`);
    if (Math.random() < 0.5) timer = setTimeout(() => closeIdle(socket, counts), Math.random() * 8);
  });
}

/** The request came just when the connection was being closed. */
function leave(socket: Socket): void {
  const way = Math.random();
  if (way < 0.4) socket.resetAndDestroy();
  else if (way < 0.8) socket.end();
  else socket.end('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
}

function closeIdle(socket: Socket, counts: { closed: number }): void {
  counts.closed++;
  if (Math.random() < 0.5) socket.end();
  else socket.resetAndDestroy();
}
