import { ServerResponse, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { hasBody } from '../proxy/request-body.ts';
import { EarlyBytes } from '../proxy/upgrades/early-bytes.ts';
import { acceptableUpgrade } from '../proxy/upgrades/upgrade-request.ts';
import { afterAnswers, answerUnderWay } from './answers-under-way.ts';
import { treatClientFaults, type FaultContext } from './client-faults.ts';
import { takeExpectations } from './expectations.ts';
import { endWith, serveWithoutUpgrade } from './ignored-upgrades.ts';
import { endSlowly } from './linger.ts';
import type { Runtime } from './runtime.ts';

/** A connection that a client asks to upgrade. */
export interface UpgradeOffer {
  /** In lower case, such as `websocket`. */
  readonly protocol: string;
  /** What the client has sent behind its request. */
  readonly early: EarlyBytes;
}

/**
 * Serves one request.
 *
 * @param upgrade what its connection is asked to become
 * @param isExpecting whether the client waits to be told that it may send its body
 */
export type Serve = (req: IncomingMessage, res: ServerResponse, upgrade?: UpgradeOffer, isExpecting?: boolean) => void;

/** What a server's events are led to. */
export interface AttachContext extends FaultContext {
  readonly runtime: () => Runtime;
  readonly serve: Serve;
}

/** Since Node 25 the parser reads the body of such a request, so the connection cannot be given to the server again. */
const READS_BODIES = Number(process.versions.node.split('.')[0]) > 24;

/** Has a server give the gateway what is no plain request: upgrades, CONNECT, expectations, and what its parser refuses. */
export function attach(server: Server, context: AttachContext): void {
  const upgrading = server as Server & { shouldUpgradeCallback: (req: IncomingMessage) => boolean };
  upgrading.shouldUpgradeCallback = (req) => {
    // an answer to an earlier request is on its way: the new protocol would begin within it
    const isTaken = !answerUnderWay(req.socket) && !(READS_BODIES && hasBody(req));
    if (!isTaken) endWith(req);
    return isTaken;
  };
  server.on('upgrade', (req: IncomingMessage, duplex, head) => {
    const socket = duplex as Socket;
    const protocol = acceptableUpgrade(req, context.runtime());
    if (protocol === undefined) return serveWithoutUpgrade(server, req, socket, head);
    const early = new EarlyBytes(socket, head);
    context.serve(req, answerOn(req, socket), { protocol, early });
  });
  server.on('connect', (req: IncomingMessage, duplex) => {
    const socket = duplex as Socket;
    goOnAnswering(socket);
    afterAnswers(socket, () => context.serve(req, answerOn(req, socket)));
  });
  takeExpectations(server);
  treatClientFaults(server, context);
}

/** Node's server leaves such a connection alone, so that an answer is to be written to it by hand. */
function answerOn(req: IncomingMessage, socket: Socket): ServerResponse {
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  res.assignSocket(socket);
  res.once('finish', () => {
    // what the client still sends is dropped
    socket.resume();
    endSlowly(socket);
  });
  socket.on('error', () => undefined);
  return res;
}

/** Node's server listens to such a connection no more, though answers to requests before may be on their way. */
function goOnAnswering(socket: Socket): void {
  socket.on('error', () => undefined);
  socket.on('drain', () => answerUnderWay(socket)?.emit('drain'));
}
