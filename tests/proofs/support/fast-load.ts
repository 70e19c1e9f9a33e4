import { connect } from 'node:net';
import type { LoadRequest } from './load.ts';

/** What a request of a fast load was answered. */
export interface FastAnswer {
  readonly request: LoadRequest;
  /** 0 when there was no answer. */
  readonly status: number;
  readonly body: string;
}

/** A load over bare sockets. */
export interface FastLoadOptions {
  readonly port: number;
  readonly connections: number;
  /** The next request; undefined ends the load. */
  readonly next: () => LoadRequest | undefined;
  readonly onAnswer: (answer: FastAnswer) => void;
}

const LENGTH = /\r\ncontent-length: *(\d+)\r\n/i;

/**
 * Runs a load until it ends: one request at a time on each of some connections that are kept, over bare sockets, so that
 * the gateway and not the load is what keeps the machine busy. Reads answers with a `Content-Length` only.
 */
export async function fastLoad(options: FastLoadOptions): Promise<void> {
  await Promise.all(Array.from({ length: options.connections }, () => loadConnection(options)));
}

function loadConnection({ port, next, onAnswer }: FastLoadOptions): Promise<void> {
  return new Promise((resolve) => {
    let request: LoadRequest | undefined;
    let text = '';
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const send = (): void => {
      request = next();
      if (request === undefined) socket.destroy();
      else socket.write(textOf(request));
    };
    socket.setEncoding('latin1').on('data', (piece: string) => {
      text += piece;
      const answer = readAnswer(text);
      if (answer === undefined || request === undefined) return;
      text = '';
      onAnswer({ request, ...answer });
      send();
    });
    socket.once('connect', send);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      if (request !== undefined) onAnswer({ request, status: 0, body: '' });
      resolve();
    });
  });
}

function textOf({ method = 'GET', path, body }: LoadRequest): string {
  const length = body === undefined ? '' : `Content-Length: ${body.length}\r\n`;
  return `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${length}\r\n${body ?? ''}`;
}

/** @returns undefined while there is more to come */
function readAnswer(text: string): { status: number; body: string } | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const length = Number(LENGTH.exec(text.slice(0, end + 2))?.[1]);
  const body = text.slice(end + 4);
  if (body.length < length) return undefined;
  return { status: Number(text.slice(9, 12)), body };
}
