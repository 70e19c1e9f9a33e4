import { Failure, type FailureReason } from '@clearway/kernel';
import type { Socket } from 'node:net';

/** What an error of Node's HTTP server says beside its code: the parser's own words, and what it was given. */
interface ParserError extends NodeJS.ErrnoException {
  readonly reason?: string;
  readonly rawPacket?: Buffer;
  readonly bytesParsed?: number;
}

/** A request line in due form, whose method alone can be what is not known. */
const REQUEST_LINE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+ \S+ HTTP\/1\.[01]\r\n/;
/** A request line that had not ended where the parser gave up. */
const TARGET_ONLY = /^[A-Z-]+ [^\r\n ]+$/;
const TLS_HANDSHAKE = 0x16;

/**
 * The failure class of an error that Node's HTTP server reports of a client; `client_abort` for one that says no more
 * than that the connection is over.
 *
 * Source of the codes: Node's http and llhttp.
 */
export function clientFaultOf(error: Error | null): FailureReason {
  if (error instanceof Failure) return error.reason;
  const { code } = (error ?? {}) as ParserError;
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'client_timeout';
  if (code === 'HPE_HEADER_OVERFLOW') return 'headers_too_large';
  // the end of the connection within a message is no fault of the message
  return code?.startsWith('HPE_') && code !== 'HPE_INVALID_EOF_STATE' ? 'request_invalid' : 'client_abort';
}

/**
 * The failure that an error of a client's connection means, with the status and the words for the client.
 *
 * Source: RFC 9110, 15.5.15 (414), 15.6.2 (501), 15.6.6 (505).
 */
export function clientFailure(error: Error): Failure {
  if (error instanceof Failure) return error;
  const reason = clientFaultOf(error);
  const { code, message, reason: words } = error as ParserError;
  const { read, rest } = readOf(error);
  if (code === 'HPE_HEADER_OVERFLOW' && TARGET_ONLY.test(read)) {
    return new Failure(reason, { status: 414, message, detail: 'The target is too long.' });
  }
  if (reason !== 'request_invalid') return new Failure(reason, { message });
  const { status, problem = words } = refusalOf(code, read + rest);
  const detail = `The request does not follow HTTP/1.1${problem === undefined ? '' : `: ${problem}`}.`;
  return new Failure(reason, { status, message, detail });
}

/** What the parser had read of the line on which it gave up, and what came behind it. */
function readOf({ rawPacket, bytesParsed = 0 }: ParserError): { read: string; rest: string } {
  const packet = rawPacket?.toString('latin1', 0, bytesParsed + MAX_LINE) ?? '';
  const start = packet.lastIndexOf('\r\n', bytesParsed - 1);
  return { read: packet.slice(start === -1 ? 0 : start + 2, bytesParsed), rest: packet.slice(bytesParsed) };
}

const MAX_LINE = 1024;

function refusalOf(code: string | undefined, line: string): { status: number; problem?: string } {
  if (line.charCodeAt(0) === TLS_HANDSHAKE) return { status: 400, problem: 'TLS is not spoken on this port' };
  if (code === 'HPE_INVALID_METHOD' && REQUEST_LINE.test(line))
    return { status: 501, problem: 'the method is not known' };
  const isOtherVersion =
    code === 'HPE_PAUSED_H2_UPGRADE' || (code === 'HPE_INVALID_VERSION' && OTHER_VERSION.test(line));
  return isOtherVersion ? { status: 505, problem: 'no other version is spoken here' } : { status: 400 };
}

const OTHER_VERSION = /^\S+ \S+ HTTP\/\d\.\d\r\n/;

/** Why a client's connection is over before its request was: it left, was too slow, or sent what is no HTTP. */
export function clientGone(socket: Socket): Failure {
  const reason = clientFaultOf(socket.errored);
  const message = reason === 'client_abort' ? 'the client closed the connection' : (socket.errored?.message ?? '');
  return new Failure(reason, { message });
}
