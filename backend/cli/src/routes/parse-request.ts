import { UsageError } from '../exit-codes.ts';

/** A request as somebody wrote it down, not normalised. */
export interface WrittenRequest {
  readonly method: string;
  /** With port; empty when none was written. */
  readonly host: string;
  /** Path and query as they would stand in the request line. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
}

const REQUEST = /^(?:([A-Za-z][A-Za-z0-9_-]*)\s+)?(?:https?:\/\/([^/?#]+))?([/?][^#]*)?(?:#.*)?$/;

/**
 * Reads a request such as `GET https://host/path?query`. The path is kept as it was written: normalising it is the
 * gateway's work and part of what is asked.
 *
 * @param text the method may be left out for GET, scheme and host for any host
 * @param headers each as `name: value`
 * @throws UsageError when it cannot be read
 */
export function parseRequest(text: string, headers: readonly string[]): WrittenRequest {
  const match = REQUEST.exec(text.trim());
  if (!match || (match[2] === undefined && match[3] === undefined)) {
    throw new UsageError(`cannot read the request '${text}': write it as 'GET https://host/path?query'`);
  }
  const [, method, host, rest = '/'] = match;
  const parsed = Object.fromEntries(headers.map(parseHeader));
  return {
    method: (method ?? 'GET').toUpperCase(),
    host: host ?? parsed['host'] ?? '',
    target: rest.startsWith('/') ? rest : `/${rest}`,
    headers: parsed,
  };
}

function parseHeader(text: string): [string, string] {
  const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*(.*)$/.exec(text);
  if (!match) throw new UsageError(`cannot read the header '${text}': write it as 'name: value'`);
  return [(match[1] ?? '').toLowerCase(), match[2] ?? ''];
}
