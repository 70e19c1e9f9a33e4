import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What became of the requests of a load. */
export interface LoadOutcome {
  /** Requests of which at least one byte was sent. */
  readonly sent: number;
  readonly answered: number;
  /** Sent and not answered whole, each with what happened. */
  readonly lost: readonly string[];
  /** Connections that could not be made. */
  readonly refused: number;
}

/** A load that goes on until its connections are over and no new one is wanted. */
export interface KeepAliveLoad {
  readonly sent: () => number;
  /** Resolves when the last connection is over. */
  readonly ended: Promise<LoadOutcome>;
}

/**
 * Loads a port over keep-alive connections, with one request at a time on each, and counts every one of them. A connection
 * that the server ends, by `Connection: close` or between two requests, is opened anew while `mayConnect` says so.
 *
 * @param thinkMs the longest pause between two requests of a connection
 */
export function keepAliveLoad(
  port: number,
  options: { connections: number; thinkMs: number; mayConnect: () => boolean },
): KeepAliveLoad {
  const counts = { sent: 0, answered: 0, lost: [] as string[], refused: 0 };
  const connection = async (name: string): Promise<void> => {
    while (options.mayConnect()) {
      const socket = net.connect(port, '127.0.0.1').setEncoding('latin1').setNoDelay();
      try {
        await once(socket, 'connect');
      } catch {
        counts.refused++;
        continue;
      }
      const answers = readAnswers(socket);
      for (let n = 0; !answers.isOver(); n++) {
        counts.sent++;
        const what = `/load/${name}/${n}`;
        socket.write(`GET ${what} HTTP/1.1\r\nHost: load.test\r\n\r\n`);
        const answer = await answers.next();
        if (answer === undefined) {
          counts.lost.push(what);
          break;
        }
        counts.answered++;
        if (/\r\nconnection: close\r\n/i.test(answer)) break;
        await sleep(Math.random() * options.thinkMs);
      }
      if (!socket.destroyed) await once(socket, 'close');
    }
  };
  const all = Array.from({ length: options.connections }, (_, i) => connection(String(i)));
  return { sent: () => counts.sent, ended: Promise.all(all).then(() => counts) };
}

/** The answers of a connection, one after the other; undefined when it is over before the next one is whole. */
function readAnswers(socket: net.Socket): { next: () => Promise<string | undefined>; isOver: () => boolean } {
  let text = '';
  let isOver = false;
  let wake = (): void => {};
  socket.on('data', (chunk) => {
    text += String(chunk);
    wake();
  });
  socket.on('error', () => undefined);
  socket.on('end', () => (isOver = true));
  socket.on('close', () => {
    isOver = true;
    wake();
  });
  return {
    isOver: () => isOver,
    async next() {
      for (;;) {
        const end = endOfAnswer(text);
        if (end !== undefined) {
          const answer = text.slice(0, end);
          text = text.slice(end);
          return answer;
        }
        if (socket.destroyed) return undefined;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

function endOfAnswer(text: string): number | undefined {
  const head = text.indexOf('\r\n\r\n');
  if (head === -1) return undefined;
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(text.slice(0, head + 2))?.[1];
  if (length !== undefined) return text.length >= head + 4 + Number(length) ? head + 4 + Number(length) : undefined;
  const last = text.indexOf('\r\n0\r\n\r\n', head);
  return last === -1 ? undefined : last + 7;
}
