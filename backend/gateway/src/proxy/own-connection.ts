import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { toFailure } from '../pipeline/answer.ts';
import type { Target } from './targets.ts';

/** RFC 9110, 10.1.1: who knows no expectation never asks for the body, so that it is sent all the same after a while. */
const CONTINUE_AFTER_MS = 1000;

/** What hears of a request that has a connection to itself. */
export interface OwnConnectionHandler extends Dispatcher.DispatchHandler {
  /** The upstream asks for the body, or nobody waits any longer for it to ask. */
  onContinue(): void;
  /** The upstream has changed the protocol: from here on the connection is the handler's. */
  onUpgrade(controller: Dispatcher.DispatchController, answer: IncomingMessage, socket: Socket, head: Buffer): void;
}

/** A request that has a connection to itself. */
export interface OwnConnectionRequest {
  readonly method: string;
  readonly path: string;
  /** Names and values in turn, with those of the connection. */
  readonly headers: string[];
  readonly body: Readable | undefined;
  /** Whether the body waits for the upstream to ask for it. */
  readonly isExpecting: boolean;
}

/**
 * Sends a request over a connection of its own, with Node's client: for what the pooled one cannot carry, which is a
 * change of protocol, `Expect: 100-continue` and `TE`. Reports as the pooled one does.
 */
export function dispatchAlone(target: Target, options: OwnConnectionRequest, handler: OwnConnectionHandler): void {
  const { method, path, headers, body } = options;
  const outgoing = request({ method, path, headers, setHost: false, createConnection: connectorOf(target) });
  const controller = new AloneController(outgoing);
  // their size is limited; beyond a number of them the rest would be dropped without a word
  outgoing.maxHeadersCount = 0;
  const fail = (error: Error): void => {
    if (!controller.hasEnded) handler.onResponseError?.(controller, error);
    controller.hasEnded = true;
  };
  outgoing.once('socket', () => handler.onRequestStart?.(controller, {}));
  outgoing.on('error', (error) => fail(controller.reason ?? error));
  outgoing.on('information', ({ statusCode, rawHeaders }) => {
    controller.rawHeaders = rawHeaders;
    // 100 answers the expectation, below
    if (statusCode !== 100) startAnswer(controller, statusCode, handler);
  });
  outgoing.once('upgrade', (answer, socket, head) => {
    controller.rawHeaders = answer.rawHeaders;
    controller.hasEnded = true;
    handler.onUpgrade(controller, answer, socket, head);
  });
  outgoing.once('response', (answer) => readAnswer(answer, controller, handler, fail));
  if (body === undefined) outgoing.end();
  else if (options.isExpecting) sendWhenAsked(outgoing, body, handler);
  else body.pipe(outgoing);
}

function connectorOf({ connectAlone, hostname, authority, isTls, serverName, port }: Target) {
  return (_options: unknown, callback: (error: Error | null, socket: Socket) => void): undefined => {
    const servername = serverName === undefined ? {} : { servername: serverName };
    connectAlone(
      { hostname, host: authority, protocol: isTls ? 'https:' : 'http:', port, ...servername },
      callback as Parameters<typeof connectAlone>[1],
    );
  };
}

function readAnswer(
  answer: IncomingMessage,
  controller: AloneController,
  handler: OwnConnectionHandler,
  fail: (error: Error) => void,
): void {
  controller.rawHeaders = answer.rawHeaders;
  controller.answer = answer;
  startAnswer(controller, answer.statusCode ?? 0, handler);
  answer.on('data', (chunk: Buffer) => handler.onResponseData?.(controller, chunk));
  answer.on('error', fail);
  answer.once('end', () => {
    if (!answer.complete) return;
    controller.rawTrailers = answer.rawTrailers;
    controller.hasEnded = true;
    handler.onResponseEnd?.(controller, {});
    // a body that was announced and is not wanted any more leaves nothing that could be used again
    controller.outgoing.destroy();
  });
}

/** What an answer's head makes the handler throw fails its request, as undici does it, and not the process. */
function startAnswer(controller: AloneController, status: number, handler: OwnConnectionHandler): void {
  try {
    handler.onResponseStart?.(controller, status, {});
  } catch (error) {
    controller.abort(toFailure(error));
  }
}

function sendWhenAsked(outgoing: ClientRequest, body: Readable, handler: OwnConnectionHandler): void {
  let isAsked = false;
  const send = (): void => {
    clearTimeout(timer);
    if (isAsked || outgoing.destroyed) return;
    isAsked = true;
    handler.onContinue();
    body.pipe(outgoing);
  };
  const timer = setTimeout(send, CONTINUE_AFTER_MS);
  outgoing.once('continue', send);
  outgoing.once('response', () => clearTimeout(timer));
  outgoing.once('close', () => clearTimeout(timer));
  outgoing.flushHeaders();
}

class AloneController implements Dispatcher.DispatchController {
  readonly outgoing: ClientRequest;
  answer: IncomingMessage | undefined;
  hasEnded = false;
  rawHeaders: string[] = [];
  rawTrailers: string[] = [];
  reason: Error | null = null;

  constructor(outgoing: ClientRequest) {
    this.outgoing = outgoing;
  }

  get aborted(): boolean {
    return this.reason !== null;
  }

  get paused(): boolean {
    return this.answer?.isPaused() ?? false;
  }

  abort(reason: Error): void {
    this.reason ??= reason;
    this.outgoing.destroy(reason);
  }

  pause(): void {
    this.answer?.pause();
  }

  resume(): void {
    this.answer?.resume();
  }
}
