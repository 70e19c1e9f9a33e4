import { Failure, type FailureReason } from '@clearway/kernel';
import type { AttemptRecord } from '@clearway/telemetry';
import type { Dispatcher } from 'undici';
import { answerFailure, toFailure } from '../pipeline/answer.ts';
import { clientGone } from '../pipeline/client-gone.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import { maxBodyBytes } from '../pipeline/steps.ts';
import { AnswerWriter } from './answer-writer.ts';
import { classifyError, errorText, type AttemptPhase } from './classify-error.ts';
import { dispatchOptions, openAttempt } from './dispatch-options.ts';
import { hasBody, RequestBody } from './request-body.ts';
import { clientHeaders, isEventStream } from './response-headers.ts';
import { TimeLimits, type ExpiredLimit, type Limited } from './time-limits.ts';
import { answerNotTaken, limitUnread } from './unread-answer.ts';
import type { Connection } from './connections/connection.ts';
import type { PooledHandler } from './connections/connection-pool.ts';
import { isRepeatable } from './repetition.ts';
import type { Target, Upstream } from './upstreams.ts';

const TIMEOUT_REASON = {
  connecting: 'connect_timeout',
  sent: 'headers_timeout',
  answering: 'body_timeout',
} as const satisfies Record<AttemptPhase, FailureReason>;

const REQUEST_TIMEOUT = 408;

/**
 * One attempt to have an upstream answer a request. It is the handler of its dispatch itself, so that most requests cost
 * few objects.
 *
 * States: connecting → sent → answering → closed. From `connecting` a failure may lead to another attempt on another
 * target, since nothing was sent yet; from `sent` to one on a new connection to the same target, when the other end left
 * a connection that was idle; from any state to closed: by the end of the answer, a failure, a time limit, or the client.
 * A closed one stays closed: what its dispatch still reports, such as a connection that comes too late, must not reach
 * the attempt that followed.
 */
export class Forwarding implements PooledHandler, Limited {
  readonly #exchange: Exchange;
  readonly #upstream: Upstream;
  readonly #tried: Set<Target>;
  readonly #limits: TimeLimits;
  readonly #answer: AnswerWriter;
  #phase: AttemptPhase = 'connecting';
  #closed = false;
  #target: Target | undefined;
  #attempt: AttemptRecord | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #body: RequestBody | undefined;
  /** The target to be asked again on a new connection. */
  readonly #again: Target | undefined;
  connection: Connection | undefined;
  /** Whether the connection had carried another request before. */
  #isReused = false;
  #hasAnswerBegun = false;

  /**
   * @param tried targets that earlier attempts of the same request were made on
   * @param again the target to be asked again, on a connection that is new
   */
  constructor(exchange: Exchange, upstream: Upstream, tried = new Set<Target>(), again?: Target) {
    this.#exchange = exchange;
    this.#upstream = upstream;
    this.#tried = tried;
    this.#again = again;
    this.#limits = new TimeLimits(this, exchange.record, upstream.configuration.timeouts);
    this.#answer = new AnswerWriter(exchange.res, this.#limits);
  }

  /** Starts the attempt. */
  attempt(): void {
    try {
      this.#dispatch();
    } catch (error) {
      this.#fail(toFailure(error));
    }
  }

  #dispatch(): void {
    const { available, choose } = this.#upstream;
    const target = this.#again ?? choose(available, this.#tried);
    if (!target) throw new Failure('no_healthy_target', { message: 'no target passes its health checks' });
    this.#tried.add(target);
    this.#target = target;
    target.inFlight++;
    const attempt = openAttempt(this.#exchange.record, target);
    this.#attempt = attempt;
    this.#limits.expectWithin(this.#upstream.configuration.timeouts.connectMs);
    this.#body = hasBody(this.#exchange.req) ? this.#openBody() : undefined;
    target.pool.dispatch(
      dispatchOptions(this.#exchange, this.#upstream, target, attempt.spanId, this.#body),
      this,
      this.#again ? 'never' : isRepeatable(this.#exchange.record.method, this.#body) ? 'any' : 'recent',
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
    this.#isReused = this.connection?.begin() ?? false;
    if (this.#attempt) this.#attempt.sentMs = this.#exchange.record.elapsedMs();
    this.#limits.expectWithin(this.#upstream.configuration.timeouts.headersMs);
  }

  onResponseStarted(): void {
    this.#hasAnswerBegun = true;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (this.#closed || status < 200) return;
    if (status === REQUEST_TIMEOUT && this.#mayHaveBeenLeft()) return this.#leftWhileIdle();
    const { record, trust } = this.#exchange;
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
      this.#limits.exemptFromTotal();
    }
    this.#limits.expectWithin(this.#upstream.configuration.timeouts.idleMs);
    this.#answer.begin(controller, status, headers);
  }

  /** Some servers say goodbye to an idle connection by an answer that nobody asked for (RFC 9110, 15.5.9). */
  #leftWhileIdle(): void {
    this.#hasAnswerBegun = false;
    this.#fail(new Failure('reset_before_headers', { message: 'the target closed an idle connection with 408' }));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#closed) return;
    this.#exchange.record.bytesOut += chunk.length;
    this.#limits.extendIdle();
    this.#answer.write(controller, chunk);
  }

  onResponseEnd(): void {
    if (this.#closed) return;
    this.#close();
    this.#answer.end();
    if (this.#isUploading()) this.#body?.discard();
    const { totalMs } = this.#upstream.configuration.timeouts;
    if (this.#exchange.res.writableLength > 0) limitUnread(this.#exchange, totalMs);
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.#closed) return;
    if (error instanceof Failure) return this.#fail(error);
    const reason = classifyError(error, this.#phase, this.#target?.isTls ?? false);
    this.#fail(new Failure(reason, { message: errorText(error), cause: error }));
  }

  // ── time limits, failures, the end ──

  isWaitingForClient(): boolean {
    return this.#exchange.res.writableNeedDrain || (this.#phase === 'sent' && this.#isUploading());
  }

  onTimeLimit(limit: ExpiredLimit): void {
    if (limit === 'client') this.#fail(answerNotTaken());
    else if (limit === 'total') this.#fail(this.#totalTimeout());
    else this.#fail(this.#phaseTimeout());
  }

  #phaseTimeout(): Failure {
    if (this.#isQueued()) return new Failure('overloaded');
    const isResolving = this.#phase === 'connecting' && (this.#target?.isResolving() ?? false);
    if (isResolving) return new Failure('dns_failure', { message: 'the name of the target was not resolved in time' });
    return new Failure(TIMEOUT_REASON[this.#phase]);
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
    const next = this.#nextAfter(failure.reason);
    this.#close();
    if (this.#phase === 'connecting') this.#target?.pool.cancel(this);
    this.#answer.abandon();
    this.#controller?.abort(failure);
    this.#body?.destroy();
    if (!next) return answerFailure(this.#exchange, failure);
    this.#exchange.running = next;
    next.attempt();
  }

  /** The attempt that follows this one; undefined when the failure is to be told. */
  #nextAfter(reason: FailureReason): Forwarding | undefined {
    if (this.#canTryAnother(reason)) return new Forwarding(this.#exchange, this.#upstream, this.#tried);
    if (reason !== 'reset_before_headers' || this.#hasAnswerBegun || !this.#mayHaveBeenLeft()) return undefined;
    return new Forwarding(this.#exchange, this.#upstream, this.#tried, this.#target);
  }

  /** Whether the other end may have left the idle connection just when the request was sent, which may be sent again. */
  #mayHaveBeenLeft(): boolean {
    return this.#isReused && isRepeatable(this.#exchange.record.method, this.#body);
  }

  /** No connection was made, so nothing was sent: any request may go to another target. */
  #canTryAnother(reason: FailureReason): boolean {
    const isConnectionFailure =
      reason === 'dns_failure' ||
      reason === 'connect_refused' ||
      reason === 'connect_timeout' ||
      reason === 'tls_failure';
    if (!isConnectionFailure || this.#phase !== 'connecting') return false;
    return this.#upstream.available.some((target) => !this.#tried.has(target));
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
    this.#limits.clear();
  }
}
