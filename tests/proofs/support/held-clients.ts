import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';

/** A connection that is held. */
export interface Held {
  /** Whether it is open, and everything that it was to bring has come in order so far. */
  isWhole(): boolean;
  /** Whether something has come over it since the last call. */
  hasMoved(): boolean;
  /** How it ended: the code of a WebSocket's Close frame, or `over` of a stream. */
  readonly ended: Promise<number | 'over'>;
}

/** Opens an event stream; its events count up from 0. */
export async function holdStream(origin: string, path: string): Promise<Held> {
  const request = http.get(origin + path, { agent: false });
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  // the end of a stream at a drain is a reset: it has no other
  request.on('error', () => undefined);
  let text = '';
  let next = 0;
  let seen = 0;
  let isWhole = answer.statusCode === 200;
  answer.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      if (text.slice(0, end) !== `data: ${next}`) isWhole = false;
      next++;
      text = text.slice(end + 2);
    }
  });
  const ended = new Promise<'over'>((resolve) => answer.once('close', () => resolve('over')));
  answer.on('error', () => undefined);
  void ended.then(() => (isWhole = false));
  return {
    isWhole: () => isWhole,
    hasMoved: () => {
      const moved = next > seen;
      seen = next;
      return moved;
    },
    ended,
  };
}

/** Opens a WebSocket, and has a number echoed over it every `everyMs`. */
export async function holdSocket(origin: string, path: string, everyMs: number): Promise<Held> {
  const socket = new WebSocket(origin.replace('http', 'ws') + path, { perMessageDeflate: false });
  await once(socket, 'open');
  let sent = 0;
  let echoed = 0;
  let seen = 0;
  let isWhole = true;
  socket.on('message', (text: Buffer) => {
    if (text.toString() !== String(++echoed)) isWhole = false;
  });
  socket.on('error', () => undefined);
  const timer = setInterval(() => socket.send(String(++sent)), everyMs);
  const ended = new Promise<number>((resolve) => socket.once('close', (code) => resolve(code)));
  void ended.then(() => {
    clearInterval(timer);
    isWhole = false;
  });
  return {
    isWhole: () => isWhole,
    hasMoved: () => {
      const moved = echoed > seen;
      seen = echoed;
      return moved;
    },
    ended,
  };
}
