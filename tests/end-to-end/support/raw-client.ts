import net, { type Socket } from 'node:net';

/** What a client was given over one connection. */
export interface Received {
  /** Every byte, as latin1. */
  readonly text: string;
  /** Whether the connection was reset rather than ended. */
  readonly isReset: boolean;
}

/** One connection to the gateway under the client's full control. */
export interface RawConnection {
  readonly socket: Socket;
  /** Every byte that came, as latin1. */
  text(): string;
  /** Resolves when what came holds `part`; rejects when the connection ends before. */
  until(part: string): Promise<void>;
  /** Resolves when the connection is over. */
  readonly closed: Promise<Received>;
}

/** A client that speaks whatever it likes. */
export interface RawClient {
  connect(): RawConnection;
  /** Sends bytes and waits until the gateway ends the connection. */
  send(bytes: string | Buffer): Promise<Received>;
}

const END_LIMIT_MS = 100_000;

/** A client of the gateway on a port of this machine. */
export function rawClient(port: number): RawClient {
  const connect = (): RawConnection => openConnection(port);
  return {
    connect,
    async send(bytes) {
      const connection = connect();
      connection.socket.write(bytes);
      const { promise: tooLate, reject } = Promise.withResolvers<never>();
      const giveUp = (): void => reject(new Error(`the gateway has not ended the connection: ${connection.text()}`));
      const timer = setTimeout(giveUp, END_LIMIT_MS);
      return Promise.race([connection.closed, tooLate]).finally(() => clearTimeout(timer));
    },
  };
}

function openConnection(port: number): RawConnection {
  const socket = net.connect(port, '127.0.0.1').setEncoding('latin1');
  let text = '';
  let isReset = false;
  socket.on('data', (chunk) => (text += String(chunk)));
  socket.on('error', ({ code }: NodeJS.ErrnoException) => (isReset = code === 'ECONNRESET'));
  const closed = new Promise<Received>((resolve) => socket.once('close', () => resolve({ text, isReset })));
  const until = (part: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!text.includes(part)) return;
        socket.off('data', look);
        resolve();
      };
      socket.on('data', look);
      void closed.then(() => reject(new Error(`the connection ended before ${JSON.stringify(part)}: ${text}`)));
      look();
    });
  return { socket, text: () => text, until, closed };
}
