/** Who has to act on a failure; decides who is paged and whether the error tracker hears of it. */
export type FailureOwner = 'client' | 'gateway' | 'config' | 'upstream' | 'capacity';

/** What is known of a failure class before it happens. */
export interface FailureFacts {
  readonly owner: FailureOwner;
  /** Status of the gateway's own answer. */
  readonly status: number;
  /** Title of the problem document: safe to show to any client. */
  readonly title: string;
  /** What the reader of the answer can do. */
  readonly remedy: string;
}

const UPSTREAM_LOOK = 'Look at the upstream: the trace shows which target failed and when.';

/**
 * Every way in which a request can fail, and nothing else. The name is the span's `error.type`, the metric label
 * `reason`, the log field, the problem document's `reason` and the header `Clearway-Reason`. Names are never reused.
 * 499 follows nginx: the client went away and nobody received an answer.
 */
export const FAILURES = {
  dns_failure: {
    owner: 'upstream',
    status: 502,
    title: 'The upstream name could not be resolved',
    remedy: UPSTREAM_LOOK,
  },
  connect_refused: {
    owner: 'upstream',
    status: 502,
    title: 'The upstream refused the connection',
    remedy: UPSTREAM_LOOK,
  },
  connect_timeout: {
    owner: 'upstream',
    status: 504,
    title: 'The upstream did not accept the connection in time',
    remedy: UPSTREAM_LOOK,
  },
  tls_failure: {
    owner: 'upstream',
    status: 502,
    title: 'No secure connection to the upstream could be made',
    remedy: UPSTREAM_LOOK,
  },
  reset_before_headers: {
    owner: 'upstream',
    status: 502,
    title: 'The upstream closed the connection before it answered',
    remedy: UPSTREAM_LOOK,
  },
  reset_mid_body: {
    owner: 'upstream',
    status: 502,
    title: 'The upstream closed the connection within its answer',
    remedy: UPSTREAM_LOOK,
  },
  headers_timeout: {
    owner: 'upstream',
    status: 504,
    title: 'The upstream did not answer in time',
    remedy: UPSTREAM_LOOK,
  },
  body_timeout: {
    owner: 'upstream',
    status: 504,
    title: 'The upstream stopped sending its answer',
    remedy: UPSTREAM_LOOK,
  },
  total_timeout: {
    owner: 'upstream',
    status: 504,
    title: 'The request took longer than its route allows',
    remedy: UPSTREAM_LOOK,
  },
  circuit_open: {
    owner: 'upstream',
    status: 503,
    title: 'The upstream is being left alone after failures',
    remedy: 'Try again shortly.',
  },
  no_healthy_target: {
    owner: 'upstream',
    status: 503,
    title: 'No target of the upstream is healthy',
    remedy: 'Try again shortly.',
  },
  upstream_5xx: {
    owner: 'upstream',
    status: 502,
    title: 'The upstream answered with a server error',
    remedy: UPSTREAM_LOOK,
  },
  upstream_protocol: {
    owner: 'upstream',
    status: 502,
    title: 'The upstream sent something that is not HTTP',
    remedy: UPSTREAM_LOOK,
  },
  client_abort: {
    owner: 'client',
    status: 499,
    title: 'The client went away',
    remedy: 'Nothing to do at the gateway.',
  },
  client_timeout: {
    owner: 'client',
    status: 408,
    title: 'The request was not received in time',
    remedy: 'Send the whole request faster.',
  },
  body_too_large: {
    owner: 'client',
    status: 413,
    title: 'The request body is too large',
    remedy: 'Send a smaller body.',
  },
  rate_limited: {
    owner: 'client',
    status: 429,
    title: 'Too many requests',
    remedy: 'Wait as long as Retry-After says.',
  },
  overloaded: {
    owner: 'capacity',
    status: 503,
    title: 'The gateway has no capacity left',
    remedy: 'Try again shortly.',
  },
  auth_missing: { owner: 'client', status: 401, title: 'Credentials are required', remedy: 'Send credentials.' },
  auth_invalid: {
    owner: 'client',
    status: 401,
    title: 'The credentials are not valid',
    remedy: 'Renew the credentials.',
  },
  auth_forbidden: {
    owner: 'client',
    status: 403,
    title: 'These credentials do not allow this',
    remedy: 'Ask for the missing right.',
  },
  cors_rejected: {
    owner: 'client',
    status: 403,
    title: 'This origin is not allowed',
    remedy: 'Call from an allowed origin.',
  },
  csrf_rejected: {
    owner: 'client',
    status: 403,
    title: 'The request could not be shown to be intended',
    remedy: 'Send the CSRF token.',
  },
  address_denied: {
    owner: 'client',
    status: 403,
    title: 'This address is not allowed',
    remedy: 'Call from an allowed network.',
  },
  headers_too_large: {
    owner: 'client',
    status: 431,
    title: 'The head of the request is too large',
    remedy: 'Send a shorter address, or fewer and smaller headers.',
  },
  request_invalid: {
    owner: 'client',
    status: 400,
    title: 'The request is not valid',
    remedy: 'Mend the request as the detail says.',
  },
  response_invalid: {
    owner: 'upstream',
    status: 502,
    title: 'The upstream answer does not fit its contract',
    remedy: UPSTREAM_LOOK,
  },
  route_not_found: {
    owner: 'client',
    status: 404,
    title: 'No route takes this request',
    remedy: 'Ask the gateway: clearway routes --match says why.',
  },
  method_not_allowed: {
    owner: 'client',
    status: 405,
    title: 'The route does not take this method',
    remedy: 'Use a method that the Allow header names.',
  },
  internal: {
    owner: 'gateway',
    status: 500,
    title: 'The gateway failed',
    remedy: 'Report the trace id: the gateway recorded the cause.',
  },
} as const satisfies Record<string, FailureFacts>;

/** The name of a failure class. */
export type FailureReason = keyof typeof FAILURES;

/** All failure classes, in the order of the design. */
export const FAILURE_REASONS = Object.keys(FAILURES) as readonly FailureReason[];

/** The refusals that the error tracker counts by route, since a burst of them may be an attack. */
export const REFUSALS: ReadonlySet<FailureReason> = new Set([
  'auth_missing',
  'auth_invalid',
  'auth_forbidden',
  'csrf_rejected',
  'address_denied',
  'rate_limited',
]);

/** The facts of a failure class. */
export function failureFacts(reason: FailureReason): FailureFacts {
  return FAILURES[reason];
}

/** What is known of a failure beside its class. */
export interface FailureOptions {
  readonly detail?: string;
  readonly message?: string;
  readonly cause?: unknown;
  readonly headers?: Record<string, string>;
  readonly status?: number;
}

/** A failure of known class, thrown where it is found and turned into an answer at one place. */
export class Failure extends Error {
  readonly reason: FailureReason;
  /** Text for the client; must not name hosts, addresses or anything else that is internal. */
  readonly detail: string | undefined;
  /** Headers that the answer needs, such as `Retry-After` or `Allow`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Status of the answer: that of the class, unless HTTP has a more exact one for this case. */
  readonly status: number;

  /**
   * @param reason the failure class
   * @param options `detail` is shown to the client, `message` and `cause` only to operators
   * @example
   * throw new Failure('method_not_allowed', { headers: { allow: 'GET, HEAD' } });
   */
  constructor(reason: FailureReason, options: FailureOptions = {}) {
    super(options.message ?? options.detail ?? FAILURES[reason].title, { cause: options.cause });
    this.name = 'Failure';
    this.reason = reason;
    this.detail = options.detail;
    this.headers = options.headers ?? {};
    this.status = options.status ?? FAILURES[reason].status;
  }
}
