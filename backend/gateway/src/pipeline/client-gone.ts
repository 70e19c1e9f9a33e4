import { Failure, type FailureReason } from '@clearway/kernel';
import type { Socket } from 'node:net';

/**
 * The failure class of an error that Node's HTTP server reports of a client; `client_abort` for one that says no more
 * than that the connection is over.
 *
 * Source of the codes: Node's http and llhttp.
 */
export function clientFaultOf(error: Error | null): FailureReason {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'client_timeout';
  if (code === 'HPE_HEADER_OVERFLOW') return 'headers_too_large';
  // the end of the connection within a message is no fault of the message
  return code?.startsWith('HPE_') && code !== 'HPE_INVALID_EOF_STATE' ? 'request_invalid' : 'client_abort';
}

/** Why a client's connection is over before its request was: it left, was too slow, or sent what is no HTTP. */
export function clientGone(socket: Socket): Failure {
  const reason = clientFaultOf(socket.errored);
  const message = reason === 'client_abort' ? 'the client closed the connection' : (socket.errored?.message ?? '');
  return new Failure(reason, { message });
}
