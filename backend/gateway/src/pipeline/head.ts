import { Failure } from '@clearway/kernel';
import type { Exchange } from './exchange.ts';

/** Letters, digits and what else names are made of; an address in brackets; a port. */
const HOST = /^(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?$/;
/** RFC 9110, 9.3.6: a gateway is no tunnel to wherever a client likes. */
const ALLOWED_INSTEAD_OF_CONNECT = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

/**
 * Refuses a request whose head is too large, or leaves open where its body ends and which host it is for: two that read
 * it in different ways would see different requests.
 *
 * Source: RFC 9112, 2.3 (version), 3 (length of the target), 3.2 (Host), 6.1 (Transfer-Encoding); RFC 9110, 9.3.6.
 */
export function checkHead(exchange: Exchange): void {
  const { req } = exchange;
  if (req.httpVersion !== '1.1' && req.httpVersion !== '1.0') {
    throw invalid(`HTTP/${req.httpVersion} is not spoken here`, 505);
  }
  checkSize(exchange);
  checkHost(req.rawHeaders, req.headers.host, req.httpVersion);
  if (req.headers['transfer-encoding'] !== undefined) checkTransferCoding(req.headers['transfer-encoding'], req);
  if (req.method === 'CONNECT') {
    throw new Failure('method_not_allowed', { headers: { allow: ALLOWED_INSTEAD_OF_CONNECT } });
  }
}

function checkSize({ req, runtime }: Exchange): void {
  const { maxUrlBytes, maxHeaders } = runtime.configuration.server;
  if ((req.url ?? '').length > maxUrlBytes) {
    throw new Failure('headers_too_large', {
      status: 414,
      detail: `The target may have at most ${maxUrlBytes} bytes.`,
    });
  }
  if (req.rawHeaders.length > 2 * maxHeaders) {
    throw new Failure('headers_too_large', { detail: `There may be at most ${maxHeaders} header fields.` });
  }
}

function checkHost(raw: readonly string[], host: string | undefined, version: string): void {
  if (host === undefined) {
    if (version === '1.1') throw invalid('a request of HTTP/1.1 needs the field Host');
    return;
  }
  let fields = 0;
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i]?.length === 4 && raw[i]?.toLowerCase() === 'host') fields++;
  }
  if (fields > 1) throw invalid('there may be only one field Host');
  if (!HOST.test(host)) throw invalid('the field Host is no host');
}

function checkTransferCoding(coding: string, { httpVersion }: Exchange['req']): void {
  if (httpVersion === '1.0') throw invalid('HTTP/1.0 has no Transfer-Encoding');
  if (coding.toLowerCase() !== 'chunked') throw invalid('the only transfer coding that is known here is chunked', 501);
}

/** The connection is closed: what follows cannot be told from what belongs to the request. */
function invalid(problem: string, status = 400): Failure {
  return new Failure('request_invalid', { status, detail: `Refused: ${problem}.`, headers: { connection: 'close' } });
}
