import type { Exchange } from '../../pipeline/exchange.ts';
import { fieldOf } from '../response-headers.ts';

/**
 * Tells the client which protocol an upstream insists on, of those that the route allows: `Upgrade` is a field of one
 * connection, and an answer with 426 is none without it.
 *
 * Source: RFC 9110, 15.5.22 (426 Upgrade Required).
 *
 * @param headers for the client; the fields are added to them
 * @param fields names and values in turn, as the upstream sent them
 * @param isLast whether the connection ends with this answer
 */
export function tellRequiredUpgrade(
  { route }: Exchange,
  headers: string[],
  fields: readonly string[],
  isLast: boolean,
): void {
  const allowed = route?.configuration.upgrades ?? [];
  const wanted = (fieldOf(fields, 'upgrade') ?? '').split(',').map((name) => name.trim());
  const offered = wanted.filter((name) => allowed.includes(name.toLowerCase()));
  if (offered.length === 0) return;
  headers.push('Upgrade', offered.join(', '), 'Connection', isLast ? 'close, Upgrade' : 'Upgrade');
}
