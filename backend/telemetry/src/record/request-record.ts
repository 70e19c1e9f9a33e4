import { failureFacts, type FailureReason } from '@clearway/kernel';
import type { Delivery } from './delivery.ts';

/** How the exchange was carried: streams and upgrades are kept out of latency figures. */
export type ExchangeKind = 'exchange' | 'stream' | 'upgrade';

/** One try to have an upstream answer. Times are milliseconds since the record's start. */
export interface AttemptRecord {
  /** 16 hex digits: the CLIENT span, and the parent that the upstream is told. */
  readonly spanId: string;
  /** 0 for the first try. */
  readonly resendCount: number;
  /** The target's origin, such as `http://127.0.0.1:4000`. */
  readonly target: string;
  readonly startMs: number;
  /** When the request was handed to a connection. */
  sentMs: number | undefined;
  /** When the answer's headers came. */
  headersMs: number | undefined;
  endMs: number | undefined;
  /** Whether the request's body was still on its way when the attempt failed. */
  isUploading: boolean;
  /** The upstream's own status; undefined when it gave none. */
  status: number | undefined;
  reason: FailureReason | undefined;
  /** For operators: the error's own text. */
  cause: string | undefined;
}

/** What one policy decided. Times are milliseconds since the record's start. */
export interface PolicyRecord {
  readonly name: string;
  readonly startMs: number;
  readonly durationMs: number;
  readonly outcome: 'passed' | 'refused' | 'failed';
}

/** What is known when a request arrives. */
export interface RequestArrival {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly traceState: string | undefined;
  readonly requestId: string;
  readonly method: string;
  readonly scheme: string;
  readonly host: string;
  readonly httpVersion: string;
  readonly clientAddress: string;
  readonly userAgent: string | undefined;
}

/**
 * Everything that is known about one request, filled along its way and emitted once at its end. The span, the metrics,
 * the access-log line, the error event and the problem document are derived from it, so that they cannot disagree.
 *
 * All fields exist from the start (one shape), durations are milliseconds on the monotonic clock.
 */
export class RequestRecord {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly traceState: string | undefined;
  readonly requestId: string;
  readonly method: string;
  readonly scheme: string;
  readonly host: string;
  readonly httpVersion: string;
  readonly clientAddress: string;
  readonly userAgent: string | undefined;
  /** Start in milliseconds since 1970, with fractions. */
  readonly startedAtMs: number;
  readonly #startMonotonicMs: number;

  /** Whether the trace is sampled from the start; failed and slow requests are kept all the same. */
  sampled = false;
  /** Normalised path: what was matched and what is forwarded. */
  path = '';
  /** Query without the `?`, as received; its values are never recorded. */
  query = '';
  /** The configured route id, `_none` until one was found. */
  route = '_none';
  /** The route's path pattern: `http.route`. */
  routePattern: string | undefined = undefined;
  /** Why this route was chosen, in a few words. */
  routeChoice: string | undefined = undefined;
  upstream: string | undefined = undefined;
  /** Above this the request counts as slow and its trace is kept. */
  slowAfterMs = Infinity;
  /** Latency objective of the route. */
  latencyObjectiveMs: number | undefined = undefined;
  kind: ExchangeKind = 'exchange';
  readonly policies: PolicyRecord[] = [];
  readonly attempts: AttemptRecord[] = [];
  /** Opaque id of the caller, when a policy established one. */
  identity: string | undefined = undefined;
  /** The slot that a flight recorder keeps the request in; -1 for none. */
  flightSlot = -1;

  /** Status that the client was given; 0 while there is none. */
  status = 0;
  reason: FailureReason | undefined = undefined;
  /** For operators: the text of the error behind `reason`. */
  cause: string | undefined = undefined;
  /** The error behind `internal`, with its stack. */
  error: Error | undefined = undefined;
  bytesIn = 0;
  bytesOut = 0;
  /** When the answer's headers were given to the client. */
  answeredMs: number | undefined = undefined;
  durationMs = 0;
  /** What becomes of its spans, set by who exports them; undefined when nobody can say. */
  delivery: Readonly<Delivery> | undefined = undefined;
  #ended = false;

  constructor(arrival: RequestArrival) {
    this.traceId = arrival.traceId;
    this.spanId = arrival.spanId;
    this.parentSpanId = arrival.parentSpanId;
    this.traceState = arrival.traceState;
    this.requestId = arrival.requestId;
    this.method = arrival.method;
    this.scheme = arrival.scheme;
    this.host = arrival.host;
    this.httpVersion = arrival.httpVersion;
    this.clientAddress = arrival.clientAddress;
    this.userAgent = arrival.userAgent;
    this.#startMonotonicMs = performance.now();
    this.startedAtMs = Date.now();
  }

  /** Milliseconds since the start. */
  elapsedMs(): number {
    return performance.now() - this.#startMonotonicMs;
  }

  /** Whether the record was closed. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Names the failure. The first cause stands: what follows from it (a reset after a timeout, say) does not replace it.
   */
  fail(reason: FailureReason, cause?: string): void {
    if (this.reason !== undefined || this.#ended) return;
    this.reason = reason;
    this.cause = cause;
  }

  /** Closes the record: `true` the first time, `false` when it was closed before. */
  end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.durationMs = this.elapsedMs();
    return true;
  }

  /** Time spent waiting for upstreams, in milliseconds: the sum over the attempts. */
  upstreamMs(): number {
    let sum = 0;
    for (const attempt of this.attempts) sum += (attempt.endMs ?? this.durationMs) - attempt.startMs;
    return sum;
  }

  /** Time spent in the gateway itself, in milliseconds. */
  gatewayMs(): number {
    return Math.max(0, this.durationMs - this.upstreamMs());
  }

  /** Whether the request is an error of the gateway, its configuration, its upstreams or its capacity. */
  isFault(): boolean {
    return this.reason !== undefined && failureFacts(this.reason).owner !== 'client';
  }

  /** Whether it took longer than its route's bound; streams and upgrades never count as slow. */
  isSlow(): boolean {
    return this.kind === 'exchange' && this.durationMs > this.slowAfterMs;
  }

  /** Whether its spans are exported: sampled, failed or slow. */
  isKept(): boolean {
    return this.sampled || this.reason !== undefined || this.isSlow();
  }
}
