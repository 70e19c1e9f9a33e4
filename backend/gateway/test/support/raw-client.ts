import net, { type Socket } from 'node:net';

/** One connection under the test's full control, as bytes in latin1. */
export interface RawConnection {
  readonly socket: Socket;
  write(bytes: string | Buffer): void;
  /** Everything that came. */
  text(): string;
  /** Resolves to everything that came once it holds `part`; rejects when the connection ends before. */
  until(part: string): Promise<string>;
  /** Resolves to everything that came when the connection is over. */
  readonly closed: Promise<string>;
}

/** Opens one to this machine. */
export function connect(port: number, options: net.TcpNetConnectOpts = { port }): RawConnection {
  return rawConnection(net.connect({ ...options, port, host: '127.0.0.1' }));
}

/** Reads a socket as text. */
export function rawConnection(socket: Socket): RawConnection {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(text)));
  const until = (part: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!text.includes(part)) return;
        socket.off('data', look);
        resolve(text);
      };
      socket.on('data', look);
      void closed.then(() => reject(new Error(`ended before ${JSON.stringify(part)}: ${text}`)));
      look();
    });
  return { socket, write: (bytes) => void socket.write(bytes, 'latin1'), text: () => text, until, closed };
}

/** One answer as it stood on the wire. */
export interface WireAnswer {
  readonly status: number;
  /** Names and values in turn, as written. */
  readonly fields: string[];
  /** Names in lower case; repeated ones joined by `, `. */
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** The answers that stand in a connection's text, with their bodies as they were framed. */
export function answersOf(text: string): WireAnswer[] {
  return text.split(/(?=HTTP\/1\.1 \d{3} )/).map((part) => {
    const end = part.indexOf('\r\n\r\n');
    const [line = '', ...lines] = part.slice(0, end).split('\r\n');
    const fields = lines.flatMap((field) => [field.slice(0, field.indexOf(':')), field.slice(field.indexOf(':') + 2)]);
    const headers: Record<string, string> = {};
    for (let i = 0; i < fields.length; i += 2) {
      const name = (fields[i] ?? '').toLowerCase();
      headers[name] = name in headers ? `${headers[name]}, ${fields[i + 1]}` : (fields[i + 1] ?? '');
    }
    return { status: Number(line.split(' ')[1]), fields, headers, body: part.slice(end + 4) };
  });
}
