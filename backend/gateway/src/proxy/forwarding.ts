import { Failure, type FailureReason } from '@clearway/kernel';
import type { AttemptRecord } from '@clearway/telemetry';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Dispatcher } from 'undici';
import { answerFailure, toFailure } from '../pipeline/answer.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import { lingerOnClose } from '../pipeline/linger.ts';
import { AnswerWriter } from './answer-writer.ts';
import { openAttempt, recordAnswer, recordFailure } from './attempt-record.ts';
import { classifyError, errorText, isConnectionFailure, type AttemptPhase } from './classify-error.ts';
import { dispatchOptions, needsOwnConnection, ownConnectionRequest } from './dispatch-options.ts';
import { passInterimAnswer } from './interim-answers.ts';
import { dispatchAlone, type OwnConnectionHandler } from './own-connection.ts';
import { isQueued, leave, placeOutside, type Place } from './places.ts';
import { clientHeaders, isContentDropped, isEventStream, textOf } from './response-headers.ts';
import { TimeLimits, type ExpiredLimit, type Limited } from './time-limits.ts';
import { announceTrailers, safeTrailers } from './trailers.ts';
import { timeoutFailure } from './timeout-failure.ts';
import { limitUnread } from './unread-answer.ts';
import type { Connection } from './connections/connection.ts';
import type { PooledHandler } from './connections/connection-pool.ts';
import { isRepeatable } from './repetition.ts';
import { Upload, type UploadEvents } from './upload.ts';
import { switchProtocols } from './upgrades/switch-protocols.ts';
import { tellRequiredUpgrade } from './upgrades/upgrade-required.ts';
import type { Target, Upstream } from './upstreams.ts';

const SWITCHING_PROTOCOLS = 101;
const REQUEST_TIMEOUT = 408;
const UPGRADE_REQUIRED = 426;

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
export class Forwarding implements PooledHandler, OwnConnectionHandler, Limited, UploadEvents {
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
  #upload: Upload | undefined;
  /** The target to be asked again on a new connection. */
  readonly #again: Target | undefined;
  connection: Connection | undefined;
  /** Whether the connection had carried another request before. */
  #isReused = false;
  #hasAnswerBegun = false;
  #place: Place;
  /** Names of fields that follow the answer's body; undefined when none are passed on. */
  #trailers: string[] | undefined;

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
    this.#upload = Upload.of(this.#exchange, this);
    const options = dispatchOptions(this.#exchange, this.#upstream, target, attempt.spanId, this.#upload?.body);
    if (needsOwnConnection(this.#exchange)) return this.#dispatchAlone(target, options);
    const reuse = this.#again ? 'never' : isRepeatable(this.#exchange.record.method, this.#upload) ? 'any' : 'recent';
    target.pool.dispatch(options, this, reuse);
  }

  #dispatchAlone(target: Target, options: Dispatcher.DispatchOptions): void {
    this.#place = placeOutside(this.#exchange, target);
    target.outside[this.#place]++;
    dispatchAlone(target, ownConnectionRequest(this.#exchange, options, this.#upload?.body), this);
  }

  /** The client's side is over: stops the upstream request at once. */
  cancel(failure: Failure): void {
    this.#fail(failure);
  }

  // ── undici's handler ──

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#closed) return controller.abort(new Error('given up before it was sent'));
    this.#controller = controller;
    this.#phase = 'sent';
    this.#isReused = this.connection?.begin() ?? false;
    if (this.#attempt) this.#attempt.sentMs = this.#exchange.record.elapsedMs();
    const { headersMs } = this.#upstream.configuration.timeouts;
    this.#limits.expectWithin(Math.min(headersMs, this.#upload?.idleMs ?? headersMs));
  }

  onContinue(): void {
    const { res } = this.#exchange;
    if (this.#closed || !this.#exchange.isExpecting) return;
    this.#exchange.isExpecting = false;
    this.#upload?.begin();
    if (!res.headersSent) res.writeContinue();
  }

  onUpgrade(controller: Dispatcher.DispatchController, answer: IncomingMessage, socket: Socket, head: Buffer): void {
    if (this.#closed || !this.#attempt || this.#exchange.req.socket.destroyed) return void socket.destroy();
    this.#limits.clear();
    try {
      const idleMs = this.#upstream.configuration.timeouts.upgradeIdleMs;
      const onEnd = () => this.#close();
      this.#exchange.running = switchProtocols(
        this.#exchange,
        this.#attempt,
        { answer, socket, head },
        { idleMs, onEnd },
      );
    } catch (error) {
      socket.destroy();
      this.#fail(toFailure(error));
    }
  }

  onResponseStarted(): void {
    this.#hasAnswerBegun = true;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (this.#closed) return;
    const fields = textOf(controller.rawHeaders as (Buffer | string)[]);
    // a change of protocol comes elsewhere, unless it does not say to which
    if (status < 100 || status === SWITCHING_PROTOCOLS)
      return this.#fail(new Failure('upstream_protocol', { message: `the status ${status} is no answer` }));
    if (status < 200) return passInterimAnswer(this.#exchange, status, fields);
    // some servers say goodbye to an idle connection by an answer that nobody asked for (RFC 9110, 15.5.9)
    if (status === REQUEST_TIMEOUT && this.#mayHaveBeenLeft()) return this.#leftWhileIdle('408');
    const { record, trust } = this.#exchange;
    this.#phase = 'answering';
    recordAnswer(record, this.#attempt, status);
    const headers = clientHeaders(fields, record, trust.timing);
    if (isEventStream(headers)) {
      record.kind = 'stream';
      this.#limits.exemptFromTotal();
    }
    if (this.#place) this.#addConnectionFields(headers, fields);
    if (status === UPGRADE_REQUIRED) tellRequiredUpgrade(this.#exchange, headers, fields, this.#place !== undefined);
    this.#limits.expectWithin(this.#upstream.configuration.timeouts.idleMs);
    this.#answer.begin(controller, status, headers);
  }

  /** What the client's connection is told: of fields that follow, and that a body it still holds back is not wanted. */
  #addConnectionFields(headers: string[], fields: readonly string[]): void {
    const { record, req, isExpecting } = this.#exchange;
    this.#trailers = announceTrailers(record, headers, fields);
    if (!isExpecting) return;
    headers.push('Connection', 'close');
    lingerOnClose(req);
  }

  /** The other end closed the connection before it was used, or says so only now. */
  #leftWhileIdle(how: string): void {
    this.#hasAnswerBegun = false;
    this.#fail(new Failure('reset_before_headers', { message: `the target had closed an idle connection: ${how}` }));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#closed) return;
    if (isContentDropped(this.#exchange.record.status)) return;
    this.#exchange.record.bytesOut += chunk.length;
    this.#limits.extendIdle();
    this.#answer.write(controller, chunk);
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.#closed) return;
    this.#close();
    const raw = this.#trailers && (controller.rawTrailers as (Buffer | string)[]);
    this.#answer.end(raw && safeTrailers(textOf(raw), this.#trailers ?? []));
    this.#upload?.end();
    const { totalMs } = this.#upstream.configuration.timeouts;
    if (this.#exchange.res.writableLength > 0) limitUnread(this.#exchange, totalMs);
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.#closed) return;
    if (error instanceof Failure) return this.#fail(error);
    if (this.#phase === 'connecting' && this.connection?.wasLeft) return this.#leftWhileIdle(errorText(error));
    const reason = classifyError(error, this.#phase, this.#target?.isTls ?? false);
    this.#fail(new Failure(reason, { message: errorText(error), cause: error }));
  }

  // ── time limits, failures, the end ──

  isAnswerUnread(): boolean {
    return this.#exchange.res.writableNeedDrain;
  }

  uploadLeftMs(nowMs: number): number | undefined {
    return this.#isUploading() ? this.#upload?.leftMs(nowMs) : undefined;
  }

  onTimeLimit(limit: ExpiredLimit): void {
    const isAnswerUnread = this.isAnswerUnread();
    const upload = this.#isUploading() ? this.#upload : undefined;
    this.#fail(
      timeoutFailure(limit, {
        phase: this.#phase,
        isAnswerUnread,
        upload,
        isQueued: this.#phase === 'connecting' && this.#target !== undefined && isQueued(this.#target, this.#place),
        isResolving: this.#target?.isResolving() ?? false,
      }),
    );
  }

  #isUploading(): boolean {
    return this.#phase === 'sent' && this.#upload?.isUnderWay === true;
  }

  onUploaded(): void {
    const { headersMs } = this.#upstream.configuration.timeouts;
    if (this.#phase === 'sent' && !this.#closed) this.#limits.expectWithin(headersMs);
  }

  onUploadFailed(upload: Upload, failure: Failure): void {
    // an earlier attempt's is destroyed with it
    if (upload === this.#upload) this.#fail(failure);
  }

  #fail(failure: Failure): void {
    if (this.#closed) return;
    if (this.#attempt) recordFailure(this.#attempt, failure, this.#isUploading());
    const next = this.#nextAfter(failure.reason);
    this.#close();
    if (this.#phase === 'connecting' && !this.#place) this.#target?.pool.cancel(this);
    this.#answer.abandon();
    this.#controller?.abort(failure);
    this.#upload?.body.destroy();
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

  /** Whether the other end may have left the idle connection just then, and the request may be sent again. */
  #mayHaveBeenLeft(): boolean {
    // what was not written yet was not sent at all
    if (this.#phase === 'connecting') return true;
    return this.#isReused && isRepeatable(this.#exchange.record.method, this.#upload);
  }

  /** No connection was made, so nothing was sent: any request may go to another target. */
  #canTryAnother(reason: FailureReason): boolean {
    if (!isConnectionFailure(reason) || this.#phase !== 'connecting') return false;
    return this.#upstream.available.some((target) => !this.#tried.has(target));
  }

  #close(): void {
    this.#closed = true;
    if (this.#attempt) this.#attempt.endMs = this.#exchange.record.elapsedMs();
    if (this.#target) leave(this.#target, this.#place);
    this.#limits.clear();
  }
}
