import { Failure } from '@clearway/kernel';
import type { Exchange } from '../pipeline/exchange.ts';

/** The failure of a client that does not read. */
export function answerNotTaken(): Failure {
  return new Failure('client_timeout', { message: 'the client did not take its answer in time' });
}

/**
 * Closes the connection of a client that does not take the rest of an answer which is complete here: nothing else ends
 * such a request, and a stranger could hold as many as he likes.
 *
 * @param limitMs for the rest, which is no longer than the buffers of one connection
 */
export function limitUnread({ req, res, record }: Exchange, limitMs: number): void {
  const timer = setTimeout(() => {
    const { reason, message } = answerNotTaken();
    record.fail(reason, message);
    req.socket.resetAndDestroy();
  }, limitMs);
  res.once('close', () => clearTimeout(timer));
}
