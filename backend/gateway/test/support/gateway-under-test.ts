import { loadConfiguration } from '@clearway/kernel';
import { createRecorder, type RequestRecord } from '@clearway/telemetry';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import net from 'node:net';
import { gatewayConfigurationSchema, type GatewayConfiguration } from '../../src/configuration/schema.ts';
import { createGateway, type Gateway } from '../../src/gateway.ts';

/** A configuration from an object, with all defaults. */
export function configurationOf(content: object): GatewayConfiguration {
  const text = JSON.stringify({ version: 1, ...content });
  return loadConfiguration(gatewayConfigurationSchema, {
    file: 'test.yaml',
    readFile: (name) => ({ name, text }),
    variables: {},
  }).configuration;
}

/** A listening server and its port. */
export async function listening<T extends net.Server | Server>(
  server: T,
): Promise<T & { port: number; origin: string }> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return Object.assign(server, { port, origin: `http://127.0.0.1:${port}` });
}

/** A gateway over real sockets, with the records that it emitted. */
export interface GatewayUnderTest {
  readonly gateway: Gateway;
  readonly server: Server;
  readonly origin: string;
  readonly port: number;
  readonly records: RequestRecord[];
  /** The next record that was not taken yet. */
  nextRecord(): Promise<RequestRecord>;
  close(): Promise<void>;
}

/** Starts a gateway on a free port, as its process does. */
export async function startGateway(content: object, options: ServerOptions = {}): Promise<GatewayUnderTest> {
  const records: RequestRecord[] = [];
  const waiting: ((record: RequestRecord) => void)[] = [];
  let taken = 0;
  const recorder = createRecorder(
    [
      {
        name: 'test',
        accept(record) {
          records.push(record);
          const waiter = waiting.shift();
          if (waiter) {
            taken++;
            waiter(record);
          }
        },
      },
    ],
    (_sink, error) => {
      throw error;
    },
  );
  const gateway = createGateway({ configuration: configurationOf(content), recorder });
  const server = createServer({ requireHostHeader: false, optimizeEmptyRequests: true, ...options }, gateway.handler);
  gateway.attach(server);
  const { origin, port } = await listening(server);
  return {
    gateway,
    server,
    origin,
    port,
    records,
    nextRecord() {
      const ready = records[taken];
      if (!ready) return new Promise((resolve) => waiting.push(resolve));
      taken++;
      return Promise.resolve(ready);
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await gateway.close();
    },
  };
}

/** An upstream that speaks HTTP. */
export function startUpstream(listener: RequestListener) {
  return listening(createServer(listener));
}

/** An upstream that speaks whatever it likes. Its connections end when it is closed. */
export function startRawUpstream(onSocket: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    onSocket(socket);
  });
  const close = server.close.bind(server);
  server.close = (callback) => {
    sockets.forEach((socket) => socket.destroy());
    return close(callback);
  };
  return listening(server);
}

/** One upstream with one catch-all route. */
export function simple(targets: string[], more: { upstream?: object; route?: object; sections?: object } = {}): object {
  return {
    upstreams: { main: { targets: targets.map((url) => ({ url })), ...more.upstream } },
    routes: [{ id: 'all', match: { path: '/*' }, upstream: 'main', ...more.route }],
    ...more.sections,
  };
}

/** Sends bytes as they are and resolves to everything that came back until the connection ended. */
export async function sendRaw(port: number, text: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk) => (answer += String(chunk)));
  socket.on('error', () => undefined);
  socket.write(text);
  await once(socket, 'close');
  return answer;
}
