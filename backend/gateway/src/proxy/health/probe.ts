import { Failure } from '@clearway/kernel';
import { withoutSpans } from '@clearway/telemetry';
import { Client, type Dispatcher } from 'undici';
import type { HealthCheckConfiguration } from '../../configuration/upstream-schema.ts';
import { classifyError, errorText, type AttemptPhase } from '../classify-error.ts';
import type { Connector } from '../connections/connection.ts';
import type { CheckOutcome } from './target-health.ts';

const USER_AGENT = 'clearway-health-check';
/** More of an answer is not read. */
const MAX_BODY_BYTES = 64 * 1024;
/** Without `expectStatus`. */
const DEFAULT_STATUS = { from: 200, below: 400 } as const;

/** What a probe needs to know of its target. */
export interface ProbeTarget {
  readonly origin: string;
  /** The `Host` field, unless the check has one of its own. */
  readonly host: string;
  readonly isTls: boolean;
  readonly serverName: string | undefined;
}

/**
 * Asks one target whether it is healthy. Each check opens a connection of its own, since one that is kept says nothing
 * about whether new ones can be made. It is no request of anybody: it makes no span, no record and no metric of requests.
 */
export class Probe {
  readonly #target: ProbeTarget;
  readonly #check: HealthCheckConfiguration;
  readonly #client: Client;

  constructor(target: ProbeTarget, check: HealthCheckConfiguration, connector: Connector) {
    this.#target = target;
    this.#check = check;
    this.#client = new Client(target.origin, { connect: connector, headersTimeout: 0, bodyTimeout: 0 });
  }

  /** Resolves to what was found, within the check's `timeoutMs`; never rejects. */
  async run(): Promise<CheckOutcome> {
    const atMs = Date.now();
    const startMs = performance.now();
    const found = await this.#ask();
    return { ...found, atMs, durationMs: performance.now() - startMs };
  }

  close(): Promise<void> {
    return this.#client.destroy();
  }

  #ask(): Promise<Pick<CheckOutcome, 'isPassed' | 'status' | 'reason' | 'cause'>> {
    const { path, method, headers, timeoutMs, expectStatus } = this.#check;
    const { host, isTls, serverName } = this.#target;
    return new Promise((resolve) => {
      const answer = new ProbeAnswer(isTls, (status, failure) => {
        clearTimeout(timer);
        const isPassed = failure === undefined && status !== undefined && isExpected(status, expectStatus);
        const cause = failure?.message ?? (isPassed ? undefined : `answered ${status}`);
        resolve({ isPassed, status, reason: failure?.reason, cause });
      });
      const timer = setTimeout(() => answer.giveUp(timeoutMs), timeoutMs).unref();
      withoutSpans(() =>
        this.#client.dispatch(
          {
            path,
            method,
            headers: { host, 'user-agent': USER_AGENT, ...inLowerCase(headers) },
            reset: true,
            ...(serverName !== undefined && { servername: serverName }),
          },
          answer,
        ),
      );
    });
  }
}

/** So that a name which is given in another case replaces ours, and does not stand beside it. */
function inLowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function isExpected(status: number, expected: readonly number[] | undefined): boolean {
  if (expected) return expected.includes(status);
  return status >= DEFAULT_STATUS.from && status < DEFAULT_STATUS.below;
}

const TIMEOUT_REASON = { connecting: 'connect_timeout', sent: 'headers_timeout', answering: 'body_timeout' } as const;

/** Hears what became of one check; tells once. */
class ProbeAnswer implements Dispatcher.DispatchHandler {
  readonly #isTls: boolean;
  readonly #tell: (status: number | undefined, failure: Failure | undefined) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #phase: AttemptPhase = 'connecting';
  #status: number | undefined;
  #sizeBytes = 0;
  #isTold = false;

  constructor(isTls: boolean, tell: (status: number | undefined, failure: Failure | undefined) => void) {
    this.#isTls = isTls;
    this.#tell = tell;
  }

  giveUp(timeoutMs: number): void {
    this.#end(new Failure(TIMEOUT_REASON[this.#phase], { message: `no answer within ${timeoutMs} ms` }));
    this.#controller?.abort(new Error('the check took too long'));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#isTold) return controller.abort(new Error('the check took too long'));
    this.#controller = controller;
    this.#phase = 'sent';
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    if (status < 200) return;
    this.#phase = 'answering';
    this.#status = status;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#sizeBytes += chunk.length;
    if (this.#sizeBytes <= MAX_BODY_BYTES) return;
    // the status has come: that is what was asked for
    this.#end(undefined);
    controller.abort(new Error('the answer of the check is too long'));
  }

  onResponseEnd(): void {
    this.#end(undefined);
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    const reason = classifyError(error, this.#phase, this.#isTls);
    this.#end(new Failure(reason, { message: errorText(error), cause: error }));
  }

  #end(failure: Failure | undefined): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#tell(this.#status, failure);
  }
}
