import type { IncomingMessage, Server, ServerResponse } from 'node:http';

/** Requests whose client waits for `100 Continue`. */
const waiting = new WeakSet<IncomingMessage>();

/**
 * Leaves it to the gateway when a client is told to send the body that it announced: when the upstream asks for it. An
 * expectation that is not known is ignored (RFC 9110, 10.1.1); Node's own 417 would have no ids and no record.
 */
export function takeExpectations(server: Server): void {
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => {
    waiting.add(req);
    server.emit('request', req, res);
    // somebody else's request: answered as Node does by itself
    if (waiting.delete(req) && !res.headersSent) res.writeContinue();
  });
  server.on('checkExpectation', (req: IncomingMessage, res: ServerResponse) => server.emit('request', req, res));
}

/** Whether the client waits for `100 Continue`; who asks takes it over to tell it. */
export function claimExpectation(req: IncomingMessage): boolean {
  return req.headers.expect !== undefined && waiting.delete(req);
}
