import type { Failure } from '@clearway/kernel';
import type { RequestRecord, Recorder } from '@clearway/telemetry';
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { answerFailure } from './answer.ts';
import { afterAnswers } from './answers-under-way.ts';
import { clientFailure } from './client-gone.ts';
import type { Exchange } from './exchange.ts';
import { answerMalformed } from './malformed-requests.ts';

/** What is needed to tell of a client's fault. */
export interface FaultContext {
  readonly recorder: Recorder;
  readonly onOpen: (record: RequestRecord, target: string) => void;
  /** The last request with a body on a connection. */
  readonly receiving: WeakMap<Socket, Exchange>;
}

/**
 * Treats what Node's server refuses of a client, once a connection: a body that is malformed or too slow fails its own
 * request; anything else is answered after the requests before it, as a request of its own. Either way the connection
 * ends: where the next message begins cannot be known.
 */
export function treatClientFaults(server: Server, context: FaultContext): void {
  const treated = new WeakSet<Socket>();
  server.on('clientError', (error: Error, duplex) => {
    const socket = duplex as Socket;
    if (treated.has(socket)) return;
    treated.add(socket);
    const failure = clientFailure(error);
    const exchange = context.receiving.get(socket);
    const incoming = incomingOf(socket);
    if (failure.reason === 'client_abort' || !socket.writable) socket.destroy(error);
    else if (incoming && incoming === exchange?.req) failExchange(exchange, failure);
    // a browser opens connections in advance: one that never sent anything was no request
    else if (incoming || socket.bytesRead === 0) socket.destroy(error);
    else afterAnswers(socket, () => answerMalformed(socket, failure, context));
  });
}

/** The request whose body is still coming. */
function incomingOf(socket: Socket): IncomingMessage | undefined {
  const { parser } = socket as { parser?: { incoming?: IncomingMessage | null } | null };
  return parser?.incoming?.complete === false ? parser.incoming : undefined;
}

function failExchange(exchange: Exchange, failure: Failure): void {
  const { req, res, running } = exchange;
  // answered before all of it came: nobody waits for the rest
  if (res.writableFinished) req.socket.destroy();
  else if (running) running.cancel(failure);
  else answerFailure(exchange, failure);
}
