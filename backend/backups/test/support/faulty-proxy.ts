import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What becomes of a request: it goes through, is cut, is answered without the server hearing of it, or not at all. */
export type Fate =
  | 'through'
  | 'cut'
  | 'lost'
  | 'silent'
  | { readonly cutAnswerAfterBytes: number }
  | { readonly stallAnswerAfterBytes: number };

/** A way to a server that does what it is told with each request. */
export interface FaultyProxy {
  readonly endpoint: string;
  /** Method and target of each request that came. */
  readonly seen: string[];
  fate: (method: string, target: string) => Fate;
  close(): Promise<void>;
}

/** Starts a way to a server, on a free port of loopback. */
export async function openFaultyProxy(to: string): Promise<FaultyProxy> {
  const seen: string[] = [];
  const server = createServer((req, res) => {
    const { method = '', url: target = '' } = req;
    seen.push(`${method} ${target}`);
    const fate = proxy.fate(method, target);
    if (fate === 'cut') req.socket.destroy();
    else if (fate === 'lost') answerWithoutDoing(req, res);
    else if (fate === 'silent') req.resume();
    else forward(req, res, to, fate);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy: FaultyProxy = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    fate: () => 'through',
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return proxy;
}

function answerWithoutDoing(req: IncomingMessage, res: ServerResponse): void {
  const done = '<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>';
  req.resume().on('end', () => res.writeHead(200, { etag: '"e"' }).end(req.method === 'POST' ? done : ''));
}

function forward(req: IncomingMessage, res: ServerResponse, to: string, fate: Exclude<Fate, string> | 'through'): void {
  const cutAfterBytes = fate !== 'through' && 'cutAnswerAfterBytes' in fate ? fate.cutAnswerAfterBytes : Infinity;
  const stallAfterBytes = fate !== 'through' && 'stallAnswerAfterBytes' in fate ? fate.stallAnswerAfterBytes : Infinity;
  const { hostname, port } = new URL(to);
  const onward = request({ hostname, port, method: req.method, path: req.url, headers: req.headers, agent: false });
  onward.on('response', (answer) => {
    res.writeHead(answer.statusCode ?? 502, answer.headers);
    let sent = 0;
    answer.on('data', (piece: Buffer) => {
      sent += piece.length;
      if (sent > cutAfterBytes) req.socket.destroy();
      else if (sent > stallAfterBytes) answer.pause().removeAllListeners('end');
      else if (!res.write(piece)) answer.pause();
    });
    res.on('drain', () => answer.resume());
    answer.on('end', () => res.end());
  });
  onward.on('error', () => req.socket.destroy());
  req.pipe(onward);
}
