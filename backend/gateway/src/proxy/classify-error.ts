import type { FailureReason } from '@clearway/kernel';

/** How far an attempt had come when it failed. */
export type AttemptPhase = 'connecting' | 'sent' | 'answering';

const BY_CODE: Readonly<Record<string, FailureReason>> = {
  ENOTFOUND: 'dns_failure',
  EAI_AGAIN: 'dns_failure',
  EAI_FAIL: 'dns_failure',
  EAI_NODATA: 'dns_failure',
  ECONNREFUSED: 'connect_refused',
  EHOSTUNREACH: 'connect_refused',
  ENETUNREACH: 'connect_refused',
  EADDRNOTAVAIL: 'connect_refused',
  EACCES: 'connect_refused',
  EPERM: 'connect_refused',
  ETIMEDOUT: 'connect_timeout',
  UND_ERR_CONNECT_TIMEOUT: 'connect_timeout',
  EPROTO: 'tls_failure',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'tls_failure',
  SELF_SIGNED_CERT_IN_CHAIN: 'tls_failure',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'tls_failure',
  UNABLE_TO_GET_ISSUER_CERT: 'tls_failure',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'tls_failure',
  HOSTNAME_MISMATCH: 'tls_failure',
  UND_ERR_HEADERS_OVERFLOW: 'upstream_protocol',
  // two lengths that contradict each other: one that merely ends too early is a reset within its answer
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'upstream_protocol',
  // undici's way to refuse a status below 100
  ERR_ASSERTION: 'upstream_protocol',
  UND_ERR_HEADERS_TIMEOUT: 'headers_timeout',
  UND_ERR_BODY_TIMEOUT: 'body_timeout',
};

/** An interim answer or a change of protocol that nobody asked for: undici's errors for them have no code of their own. */
const REFUSED_ANSWER: ReadonlySet<string> = new Set(['bad response', 'bad upgrade']);

/**
 * The failure class of an error that an upstream attempt ended with.
 *
 * @param phase how far the attempt had come: the same reset means different things before and within an answer
 * @param isTls whether the target is reached over TLS
 */
export function classifyError(error: Error, phase: AttemptPhase, isTls: boolean): FailureReason {
  const code = errorCode(error);
  if (/^(?:CERT_|ERR_TLS|ERR_SSL)/.test(code)) return 'tls_failure';
  if (error.name === 'HTTPParserError' || code.startsWith('HPE_') || REFUSED_ANSWER.has(error.message))
    return 'upstream_protocol';
  const known = BY_CODE[code];
  if (known && (phase === 'connecting' || !known.startsWith('connect_'))) return known;
  if (phase === 'connecting') return isTls ? 'tls_failure' : 'connect_refused';
  return phase === 'answering' ? 'reset_mid_body' : 'reset_before_headers';
}

/** Whether a class says that no connection was made, so that nothing was sent. */
export function isConnectionFailure(reason: FailureReason): boolean {
  return (
    reason === 'dns_failure' || reason === 'connect_refused' || reason === 'connect_timeout' || reason === 'tls_failure'
  );
}

/** The code of an error; of its first part for one that gathers several addresses' errors. */
function errorCode(error: Error): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined;
  const { code } = (first ?? error) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

/** An error's text for operators, never empty. */
export function errorText(error: Error): string {
  const parts = error instanceof AggregateError ? error.errors.map((part) => (part as Error).message) : [error.message];
  return parts.filter(Boolean).join('; ') || errorCode(error) || error.name;
}
