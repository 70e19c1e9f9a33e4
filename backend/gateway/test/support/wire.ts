import { once } from 'node:events';
import type { Socket } from 'node:net';
import { simple, startGateway, startRawUpstream, startUpstream } from './gateway-under-test.ts';
import { open } from './open.ts';
import { answersOf, connect, rawConnection, type RawConnection } from './raw-client.ts';

/** The field that every request of HTTP/1.1 needs. */
export const HOST = 'Host: a.example\r\n';
/** A field that ends the connection after the answer. */
export const CLOSE = 'Connection: close\r\n';

/** An upstream that answers with what it was sent. */
export const echo = () =>
  open(
    startUpstream((req, res) => {
      const { method, url, headers, rawHeaders: raw, httpVersion } = req;
      req.resume().once('end', () => res.end(JSON.stringify({ method, url, headers, raw, httpVersion })));
    }),
  );

/** What the echo was sent. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly raw: string[];
}

/** What a gateway in front of it makes of a request. */
export async function seenThrough(request: string, more: Parameters<typeof simple>[1] = {}): Promise<Seen> {
  const gateway = await open(startGateway(simple([(await echo()).origin], more)));
  const connection = connect(gateway.port);
  connection.write(request);
  const [answer] = answersOf(await connection.closed);
  return JSON.parse(/\{.*\}/s.exec(answer?.body ?? '')?.[0] ?? '{}') as Seen;
}

/** An upstream that gives each of its connections to the test. */
export async function byHand() {
  const connections: RawConnection[] = [];
  const upstream = await open(startRawUpstream((socket) => void connections.push(rawConnection(socket))));
  const connection = async (): Promise<RawConnection> => {
    if (connections.length === 0) await once(upstream, 'connection');
    return connections.shift() as RawConnection;
  };
  return Object.assign(upstream, { next: connection });
}

/** An upstream whose every answer is this text. */
const answering = (text: string) =>
  open(
    startRawUpstream((socket: Socket) => void socket.on('error', () => undefined).once('data', () => socket.end(text))),
  );

/** What a client is given when the upstream answers with this text. */
export async function answerOf(upstreamText: string, request: string, more = {}) {
  const gateway = await open(startGateway(simple([(await answering(upstreamText)).origin], more)));
  const connection = connect(gateway.port);
  connection.write(request);
  const text = await connection.closed;
  return { text, answers: answersOf(text), gateway };
}

/** A GET after which the connection ends. */
export const get = (fields = '', line = 'GET / HTTP/1.1'): string => `${line}\r\n${HOST}${fields}${CLOSE}\r\n`;
