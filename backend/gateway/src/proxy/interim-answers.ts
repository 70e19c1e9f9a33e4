import type { Exchange } from '../pipeline/exchange.ts';
import { endToEnd, textOf, withoutLength } from './response-headers.ts';

/** More than any upstream has hints; each costs the client a little, and nothing else bounds them. */
const MAX_INTERIM_ANSWERS = 16;

/**
 * Passes an interim answer such as `103 Early Hints` on. Not to a client of HTTP/1.0, which would take it for the answer.
 *
 * Source: RFC 9110, 15.2 (informational 1xx).
 *
 * @param raw names and values in turn, as they came
 */
export function passInterimAnswer(exchange: Exchange, status: number, raw: readonly (Buffer | string)[]): void {
  const { req, res } = exchange;
  if (req.httpVersion !== '1.1' || res.headersSent || exchange.interimAnswers >= MAX_INTERIM_ANSWERS) return;
  exchange.interimAnswers++;
  res.writeInformation(status, withoutLength(endToEnd(textOf(raw))));
}
