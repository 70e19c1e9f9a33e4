import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { PROBLEM_MEDIA_TYPE, problemDocument, type FailureReason } from '@clearway/kernel';

/** A listening server. */
export interface Listener {
  readonly server: Server;
  readonly port: number;
  /** Takes no new request, waits for those under way up to `limitMs`, then closes what is left. */
  drain(limitMs: number): Promise<void>;
}

const LIMITS = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5000,
};
const MAX_CONNECTIONS = 1000;
const IDLE_LOOK_MS = 50;

/**
 * Listens on a port.
 *
 * @param portVariable named when the port is taken
 * @throws Error that says which variable moves the port
 */
export async function listen(
  app: RequestListener,
  at: { host: string; port: number; portVariable: string },
): Promise<Listener> {
  const server = createServer(LIMITS, app);
  server.maxConnections = MAX_CONNECTIONS;
  server.on('clientError', answerMalformed);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(explain(error, at)));
    server.listen(at.port, at.host, resolve);
  });
  return { server, port: (server.address() as AddressInfo).port, drain: (limitMs) => drain(server, limitMs) };
}

async function drain(server: Server, limitMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  // connections that become idle after their answer are closed as well
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_LOOK_MS);
  const limit = setTimeout(() => server.closeAllConnections(), limitMs);
  await closed;
  clearInterval(idle);
  clearTimeout(limit);
}

function explain(error: NodeJS.ErrnoException, at: { host: string; port: number; portVariable: string }): Error {
  if (error.code !== 'EADDRINUSE') return error;
  return new Error(`port ${at.port} on ${at.host} is taken: set ${at.portVariable} to another port`, { cause: error });
}

const REASONS: Readonly<Record<string, readonly [FailureReason, string]>> = {
  HPE_HEADER_OVERFLOW: ['headers_too_large', '431 Request Header Fields Too Large'],
  ERR_HTTP_REQUEST_TIMEOUT: ['client_timeout', '408 Request Timeout'],
};

/** Answers what Node's parser refuses before it becomes a request. */
function answerMalformed(error: NodeJS.ErrnoException, socket: Duplex): void {
  // an answer that is under way belongs to its request
  const hasRequest = (socket as { _httpMessage?: unknown })._httpMessage != null;
  if (hasRequest || error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const [reason, status] = REASONS[error.code ?? ''] ?? ['request_invalid', '400 Bad Request'];
  const body = JSON.stringify(problemDocument(reason));
  const length = Buffer.byteLength(body);
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: ${PROBLEM_MEDIA_TYPE}\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${body}`,
  );
}
