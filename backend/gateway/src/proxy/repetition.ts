/** Source: RFC 9110, 9.2.2: sent once or several times, they have the same effect. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/**
 * Whether a request may be sent a second time when it is not known what became of the first: a proxy must not do that
 * with a method that is not idempotent (RFC 9110, 9.2.2), and cannot with a body that is partly sent.
 *
 * @param body undefined when the request has none
 */
export function isRepeatable(method: string, body: object | undefined): boolean {
  return body === undefined && IDEMPOTENT.has(method);
}
