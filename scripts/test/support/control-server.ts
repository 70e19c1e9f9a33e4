import { EventEmitter, once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** Hears from the children of a test what happens to them, in the order in which it happens. */
export interface ControlServer extends AsyncDisposable {
  readonly port: number;
  /** Such as `worker up`, `worker SIGTERM`, `worker gone`. */
  readonly events: readonly string[];
  readonly pids: ReadonlyMap<string, number>;
  /** Resolves when all of these have happened; one that is named twice, twice. */
  seen(...events: readonly string[]): Promise<void>;
  /** Writes to a child: it ends with its code. */
  end(name: string): void;
}

export async function controlServer(): Promise<ControlServer> {
  const events: string[] = [];
  const pids = new Map<string, number>();
  const sockets = new Map<string, Socket>();
  const news = new EventEmitter();
  const note = (event: string) => {
    events.push(event);
    news.emit('event');
  };
  const server = createServer((socket) => {
    let name = '';
    socket.on('error', () => undefined);
    socket.once('close', () => note(`${name} gone`));
    createInterface({ input: socket }).on('line', (line) => {
      const [who = '', what = '', pid] = line.split(' ');
      name = who;
      if (pid !== undefined) pids.set(name, Number(pid));
      sockets.set(name, socket);
      note(`${who} ${what}`);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    events,
    pids,
    seen: async (...wanted) => {
      const count = (all: readonly string[], event: string) => all.filter((other) => other === event).length;
      while (wanted.some((event) => count(events, event) < count(wanted, event))) await once(news, 'event');
    },
    end: (name) => void sockets.get(name)?.write('end\n'),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets.values()) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
