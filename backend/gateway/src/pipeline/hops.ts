import { Failure } from '@clearway/kernel';
import { answerDirectly } from './answer.ts';
import type { Exchange } from './exchange.ts';
import { ANSWERED, type Outcome } from './outcome.ts';

const ALLOWED = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

/**
 * Looks at how far a request has come and how far it may go: one that was here before is refused, one that may be
 * forwarded no further is answered here, and TRACE goes only where a route names it.
 *
 * Source: RFC 9110, 7.6.2 (Max-Forwards), 7.6.3 (Via), 9.3.7 (OPTIONS), 9.3.8 (TRACE).
 */
export function limitHops(exchange: Exchange): Outcome {
  const { req, runtime, record } = exchange;
  if (req.headers.via !== undefined && hasPassed(req.headers.via, runtime.pseudonym)) {
    throw new Failure('request_invalid', {
      status: 508,
      detail: 'Refused: the request has passed this gateway before.',
    });
  }
  if (record.method === 'TRACE') return limitTrace(exchange);
  if (record.method === 'OPTIONS' && maxForwards(req.headers['max-forwards']) === 0) return answerOptions(exchange);
}

/** Answers `OPTIONS *`, which asks about the server as a whole, or an OPTIONS that may go no further. */
export function answerOptions(exchange: Exchange): typeof ANSWERED {
  const methods = exchange.route?.configuration.match.methods;
  answerDirectly(exchange, 204, ['Allow', methods?.join(', ') ?? ALLOWED]);
  return ANSWERED;
}

/** The value of `Max-Forwards`, or undefined when there is none that can be read. */
export function maxForwards(value: string | string[] | undefined): number | undefined {
  return typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}

function hasPassed(via: string, pseudonym: string): boolean {
  return via.split(',').some((hop) => hop.trim().split(/[ \t]+/)[1] === pseudonym);
}

/** What a request for its own text must not give away, since a page's script could ask for it. */
const SECRET = /^(?:authorization|proxy-authorization|cookie|x-api-key)$/i;

function limitTrace(exchange: Exchange): Outcome {
  const { req, route } = exchange;
  const methods = route?.configuration.match.methods;
  if (!methods?.includes('TRACE')) {
    throw new Failure('method_not_allowed', { headers: { allow: methods?.join(', ') ?? ALLOWED } });
  }
  if (req.headers['content-length'] !== undefined || req.headers['transfer-encoding'] !== undefined) {
    throw new Failure('request_invalid', { detail: 'Refused: TRACE has no body.', headers: { connection: 'close' } });
  }
  if (maxForwards(req.headers['max-forwards']) !== 0) return;
  const fields = req.rawHeaders.flatMap((name, i, raw) =>
    i % 2 === 0 && !SECRET.test(name) ? [`${name}: ${raw[i + 1] ?? ''}`] : [],
  );
  const text = [`TRACE ${req.url} HTTP/${req.httpVersion}`, ...fields, '', ''].join('\r\n');
  answerDirectly(exchange, 200, ['Content-Type', 'message/http'], text);
  return ANSWERED;
}
