import { Failure, type FailureReason } from '@clearway/kernel';
import { newSpanId, type AttemptRecord } from '@clearway/telemetry';
import type { Dispatcher } from 'undici';
import { answerFailure, toFailure } from '../pipeline/answer.ts';
import { clientGone } from '../pipeline/client-gone.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import { maxBodyBytes } from '../pipeline/steps.ts';
import { forwardedPath } from '../routing/target.ts';
import { classifyError, errorText, type AttemptPhase } from './classify-error.ts';
import { hasBody, RequestBody } from './request-body.ts';
import { answerNotTaken, limitUnread } from './unread-answer.ts';
import { upstreamHeaders } from './request-headers.ts';
import { clientHeaders } from './response-headers.ts';
import type { Target, Upstream } from './upstreams.ts';

const TIMEOUT_REASON = {
  connecting: 'connect_timeout',
  sent: 'headers_timeout',
  answering: 'body_timeout',
} as const satisfies Record<AttemptPhase, FailureReason>;

/** Longer pieces are not copied into one write with the headers. */
const MAX_GATHERED_BYTES = 16 * 1024;

/**
 * One attempt to have an upstream answer a request. It is the handler of its dispatch itself, so that most requests cost
 * one object.
 *
 * States: connecting → sent → answering → closed. From `connecting` a failure may lead to another attempt on another
 * target, since nothing was sent yet; from any state to closed: by the end of the answer, a failure, a time limit, or
 * the client. A closed one stays closed: what its dispatch still reports, such as a connection that comes too late, must
 * not reach the attempt that followed.
 */
export class Forwarding implements Dispatcher.DispatchHandler {
  readonly #exchange: Exchange;
  readonly #upstream: Upstream;
  readonly #tried: Set<Target>;
  #phase: AttemptPhase = 'connecting';
  #closed = false;
  #target: Target | undefined;
  #attempt: AttemptRecord | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #body: RequestBody | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer looks, and when the running phase is over; in milliseconds since the record's start. */
  #timerMs = Infinity;
  #deadlineMs = 0;
  #isTotalExempt = false;
  /** Whether the answer's headers and its first piece are held until the end of the tick in which they came. */
  #isGathering = false;
  #gathered: Buffer | undefined;

  /** @param tried targets that earlier attempts of the same request were made on */
  constructor(exchange: Exchange, upstream: Upstream, tried = new Set<Target>()) {
    this.#exchange = exchange;
    this.#upstream = upstream;
    this.#tried = tried;
  }

  /** Starts the attempt, on a target that was not tried yet. */
  attempt(): void {
    try {
      this.#dispatch();
    } catch (error) {
      this.#fail(toFailure(error));
    }
  }

  #dispatch(): void {
    const { record, req, route } = this.#exchange;
    const target = this.#upstream.choose(this.#upstream.targets, this.#tried);
    if (!target) throw new Failure('no_healthy_target', { message: 'every target was tried' });
    this.#tried.add(target);
    this.#target = target;
    target.inFlight++;
    this.#phase = 'connecting';
    this.#attempt = {
      spanId: newSpanId(),
      resendCount: record.attempts.length,
      target: target.origin,
      startMs: record.elapsedMs(),
      sentMs: undefined,
      headersMs: undefined,
      endMs: undefined,
      status: undefined,
      reason: undefined,
      cause: undefined,
    };
    record.attempts.push(this.#attempt);
    this.#expectWithin(this.#upstream.configuration.timeouts.connectMs);
    const isHostKept = this.#upstream.configuration.hostHeader === 'client';
    this.#body = hasBody(req) ? this.#openBody() : undefined;
    const { path, query } = record;
    const upstreamPath = forwardedPath(path, route?.configuration.stripPrefix);
    target.pool.dispatch(
      {
        method: record.method,
        path: `${upstreamPath}${query === '' ? '' : `?${query}`}`,
        headers: upstreamHeaders(req, record, {
          spanId: this.#attempt.spanId,
          host: isHostKept ? record.host : target.authority,
          propagate: this.#upstream.configuration.propagate,
          isPeerTrusted: this.#exchange.isPeerTrusted,
          peerAddress: this.#exchange.peerAddress,
          trust: this.#exchange.trust,
          carried: this.#exchange.carried,
        }),
        body: this.#body ?? null,
        // whether undici may put it behind another on one connection: never
        blocking: true,
        // else undici takes it from Host: clients could choose it, and each change would close the connection
        ...(target.serverName !== undefined && { servername: target.serverName }),
      },
      this,
    );
  }

  /** The client is gone: stops the upstream request at once. */
  cancel(): void {
    this.#fail(clientGone(this.#exchange.req.socket));
  }

  // ── undici's handler ──

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#closed) return controller.abort(new Error('given up before it was sent'));
    this.#controller = controller;
    this.#phase = 'sent';
    if (this.#attempt) this.#attempt.sentMs = this.#exchange.record.elapsedMs();
    this.#expectWithin(this.#upstream.configuration.timeouts.headersMs);
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (this.#closed || status < 200) return;
    const { record, res, trust } = this.#exchange;
    this.#phase = 'answering';
    record.status = status;
    record.answeredMs = record.elapsedMs();
    if (this.#attempt) {
      this.#attempt.status = status;
      this.#attempt.headersMs = record.answeredMs;
      if (status >= 500) this.#attempt.reason = 'upstream_5xx';
    }
    if (status >= 500) record.fail('upstream_5xx', `the upstream answered ${status}`);
    const headers = clientHeaders(controller.rawHeaders as (Buffer | string)[], record, trust.timing);
    if (isEventStream(headers)) {
      record.kind = 'stream';
      this.#isTotalExempt = true;
    }
    this.#expectWithin(this.#upstream.configuration.timeouts.idleMs);
    res.writeHead(status, headers);
    // most bodies come whole within this tick; one that comes later must not keep its headers waiting
    this.#isGathering = true;
    process.nextTick(() => this.#endGathering());
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#closed) return;
    const { record } = this.#exchange;
    record.bytesOut += chunk.length;
    this.#deadlineMs = record.elapsedMs() + this.#upstream.configuration.timeouts.idleMs;
    if (this.#isGathering && this.#gathered === undefined && chunk.length <= MAX_GATHERED_BYTES) {
      this.#gathered = chunk;
      return;
    }
    this.#endGathering();
    this.#write(controller, chunk);
  }

  #write(controller: Dispatcher.DispatchController | undefined, chunk: Buffer): void {
    const { record, res } = this.#exchange;
    if (res.write(chunk)) return;
    controller?.pause();
    res.once('drain', () => {
      // a client that reads slowly is no upstream that sends slowly
      this.#deadlineMs = record.elapsedMs() + this.#upstream.configuration.timeouts.idleMs;
      controller?.resume();
    });
  }

  /** The answer's end did not come with its beginning: what there is goes out now. */
  #endGathering(): void {
    if (!this.#isGathering) return;
    this.#isGathering = false;
    const { res } = this.#exchange;
    const chunk = this.#gathered;
    this.#gathered = undefined;
    if (this.#closed || res.destroyed) return;
    if (chunk === undefined) res.flushHeaders();
    else this.#write(this.#controller, chunk);
  }

  onResponseEnd(): void {
    if (this.#closed) return;
    this.#close();
    const { res } = this.#exchange;
    // as text, since Node writes text together with the headers and a buffer apart from them
    if (this.#gathered === undefined) res.end();
    else res.end(this.#gathered.toString('latin1'), 'latin1');
    if (this.#isUploading()) this.#body?.discard();
    if (res.writableLength > 0) limitUnread(this.#exchange, this.#upstream.configuration.timeouts.totalMs);
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.#closed) return;
    if (error instanceof Failure) return this.#fail(error);
    const reason = classifyError(error, this.#phase, this.#target?.isTls ?? false);
    this.#fail(new Failure(reason, { message: errorText(error), cause: error }));
  }

  // ── time limits, failures, the end ──

  /**
   * Sets the running phase's time limit; `totalMs` ends every phase. A timer that looks earlier stays: it finds that
   * there is time left and waits on, so that most requests need only one.
   */
  #expectWithin(ms: number): void {
    const nowMs = this.#exchange.record.elapsedMs();
    this.#deadlineMs = nowMs + ms;
    if (this.#deadlineMs < this.#timerMs) this.#lookAfter(Math.min(ms, this.#totalLeftMs()), nowMs);
  }

  #lookAfter(ms: number, nowMs: number): void {
    clearTimeout(this.#timer);
    this.#timerMs = nowMs + ms;
    this.#timer = setTimeout(onTimer, ms, this);
  }

  #totalLeftMs(): number {
    if (this.#isTotalExempt) return Infinity;
    return Math.max(0, this.#upstream.configuration.timeouts.totalMs - this.#exchange.record.elapsedMs());
  }

  /** For the timer only: looks whether a time limit is over. */
  onTimer(): void {
    const { record, res } = this.#exchange;
    const { idleMs, totalMs } = this.#upstream.configuration.timeouts;
    const totalLeftMs = this.#totalLeftMs();
    if (totalLeftMs === 0) return this.#fail(this.#totalTimeout());
    const isWaitingForClient = res.writableNeedDrain || (this.#phase === 'sent' && this.#isUploading());
    const nowMs = record.elapsedMs();
    const leftMs = this.#deadlineMs - nowMs;
    // only a stream comes here: a client that never reads must not hold it for ever
    if (isWaitingForClient && -leftMs > totalMs) return this.#fail(answerNotTaken());
    if (leftMs > 0 || isWaitingForClient) {
      const nextMs = leftMs > 0 ? leftMs : idleMs;
      return this.#lookAfter(Math.min(nextMs, totalLeftMs), nowMs);
    }
    this.#fail(new Failure(this.#isQueued() ? 'overloaded' : TIMEOUT_REASON[this.#phase]));
  }

  /** The time is over for the whole: whose fault that is depends on who is being waited for. */
  #totalTimeout(): Failure {
    if (this.#exchange.res.writableNeedDrain) return answerNotTaken();
    const isBodyMissing = this.#phase === 'sent' && this.#isUploading() && this.#body?.readableLength === 0;
    if (!isBodyMissing) return new Failure('total_timeout');
    return new Failure('client_timeout', { message: 'the client did not send its body in time' });
  }

  /** Whether the body is still on its way: an upstream answers after it. */
  #isUploading(): boolean {
    return this.#body !== undefined && !this.#body.readableEnded && !this.#body.destroyed;
  }

  /** Whether the attempt waits for one of the target's connections rather than for the target. */
  #isQueued(): boolean {
    return (
      this.#phase === 'connecting' && this.#target !== undefined && this.#target.inFlight > this.#target.maxConnections
    );
  }

  #fail(failure: Failure): void {
    if (this.#closed) return;
    if (this.#attempt) {
      this.#attempt.reason ??= failure.reason;
      this.#attempt.cause ??= failure.message;
    }
    const mayTryAnother = this.#canTryAnother(failure.reason);
    this.#close();
    this.#controller?.abort(failure);
    this.#body?.destroy();
    if (mayTryAnother) this.#tryAnother();
    else answerFailure(this.#exchange, failure);
  }

  /** Only what cannot have happened yet is repeated: no connection was made, so nothing was sent. */
  #canTryAnother(reason: FailureReason): boolean {
    const isConnectionFailure =
      reason === 'dns_failure' ||
      reason === 'connect_refused' ||
      reason === 'connect_timeout' ||
      reason === 'tls_failure';
    return isConnectionFailure && this.#phase === 'connecting' && this.#tried.size < this.#upstream.targets.length;
  }

  #tryAnother(): void {
    const next = new Forwarding(this.#exchange, this.#upstream, this.#tried);
    this.#exchange.running = next;
    next.attempt();
  }

  #openBody(): RequestBody {
    const { req, record } = this.#exchange;
    const body = new RequestBody(req, maxBodyBytes(this.#exchange), (bytes) => {
      record.bytesIn += bytes;
    });
    body.on('error', (error) => {
      if (body === this.#body) this.#fail(toFailure(error));
    });
    return body;
  }

  #close(): void {
    this.#closed = true;
    if (this.#attempt) this.#attempt.endMs = this.#exchange.record.elapsedMs();
    if (this.#target) this.#target.inFlight--;
    clearTimeout(this.#timer);
  }
}

function onTimer(forwarding: Forwarding): void {
  forwarding.onTimer();
}

function isEventStream(headers: readonly string[]): boolean {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]?.length === 12 && headers[i]?.toLowerCase() === 'content-type') {
      return headers[i + 1]?.startsWith('text/event-stream') ?? false;
    }
  }
  return false;
}
