import type { Resource } from '@opentelemetry/resources';
import { LOST, type Delivery } from '../record/delivery.ts';
import type { RecordSink } from '../record/recorder.ts';
import type { RequestRecord } from '../record/request-record.ts';
import type { QueueStats } from './options.ts';
import type { OtlpPost } from './otlp-post.ts';
import { OtlpRecordEncoder } from './otlp-record-encoder.ts';
import { POLICY_SPAN_FROM_MS } from './record-spans.ts';

const BUFFER_BYTES = 1024 * 1024;
const MAX_UNDERWAY = 4;

/** When a request is sent, and how much may wait. */
export interface SenderBounds {
  /** Spans that may wait or be on their way; beside it the buffers' size is a bound. */
  readonly queueSize: number;
  /** Spans after which a request is sent at once. */
  readonly batchSize: number;
  /** Longest time that a span waits for others, in milliseconds. */
  readonly delayMs: number;
}

/** What the sender needs of others. */
export interface SenderParts {
  readonly resource: Resource;
  readonly post: OtlpPost;
  readonly bounds: SenderBounds;
  /** Told of each request that failed. */
  readonly onFailure: (error: Error) => void;
  /** Takes a record that is greater than a whole buffer. */
  readonly oversized: RecordSink;
}

/** One request. */
interface Batch {
  readonly bytes: Buffer;
  /** Shared by all its records. */
  readonly delivery: Delivery;
  spans: number;
  sent: Promise<void> | undefined;
}

/**
 * Sends records to an OTLP collector: encodes each one at once into the buffer of the next request, and sends that when
 * it is full or its time has come. At most four requests are under way and one buffer more is filled; what comes while
 * all are in use is dropped and counted, so that a collector which hangs costs neither memory nor requests.
 */
export class OtlpRecordSender {
  readonly #parts: SenderParts;
  readonly #encoder: OtlpRecordEncoder;
  readonly #free: Buffer[] = [];
  readonly #underway = new Set<Promise<void>>();
  #buffers = 0;
  #filling: Batch | undefined;
  #isDue = false;
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;
  #queued = 0;
  #exported = 0;
  #dropped = 0;
  #exportFailures = 0;

  constructor(parts: SenderParts) {
    this.#parts = parts;
    this.#encoder = new OtlpRecordEncoder(parts.resource);
  }

  /** Takes a finished record; ignores one whose spans are not kept. */
  accept(record: RequestRecord): void {
    if (!record.isKept()) return;
    if (this.#isClosed || this.#queued >= this.#parts.bounds.queueSize || !this.#encode(record)) {
      this.#dropped += spansOf(record);
      record.delivery = LOST;
    }
  }

  stats(): QueueStats {
    return {
      queued: this.#queued,
      exported: this.#exported,
      dropped: this.#dropped,
      exportFailures: this.#exportFailures,
    };
  }

  /** Resolves when everything that was taken before has been sent or has failed; never rejects. */
  async forceFlush(): Promise<void> {
    const last = this.#filling;
    this.#send();
    await Promise.all(this.#underway);
    // it had to wait for a free place; whoever settled sent it
    await last?.sent;
  }

  /** Sends what waits and takes nothing more; never rejects. */
  async shutdown(): Promise<void> {
    this.#isClosed = true;
    await this.forceFlush();
  }

  /** Whether there was room. */
  #encode(record: RequestRecord): boolean {
    const batch = this.#filling ?? this.#begin();
    if (batch === undefined) return false;
    const spans = this.#encoder.encode(record);
    if (spans > 0) {
      record.delivery = batch.delivery;
      this.#added(batch, spans);
      return true;
    }
    if (batch.spans === 0) {
      this.#parts.oversized(record);
      return true;
    }
    this.#send();
    // undefined once sent: without a free place it is not, and stays as it is
    return this.#filling === undefined && this.#encode(record);
  }

  #added(batch: Batch, spans: number): void {
    batch.spans += spans;
    this.#queued += spans;
    if (batch.spans >= this.#parts.bounds.batchSize) this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), this.#parts.bounds.delayMs).unref();
  }

  #begin(): Batch | undefined {
    let bytes = this.#free.pop();
    if (bytes === undefined) {
      if (this.#buffers > MAX_UNDERWAY) return undefined;
      this.#buffers++;
      bytes = Buffer.allocUnsafeSlow(BUFFER_BYTES);
    }
    this.#encoder.begin(bytes);
    this.#filling = { bytes, delivery: { state: 'pending' }, spans: 0, sent: undefined };
    return this.#filling;
  }

  /** Sends the batch that is filled, or as soon as a place is free. */
  #send(): void {
    const batch = this.#filling;
    if (batch === undefined || batch.spans === 0) return;
    this.#isDue = this.#underway.size >= MAX_UNDERWAY;
    if (this.#isDue) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#filling = undefined;
    const sent = this.#parts
      .post(this.#encoder.finish())
      .then(
        () => this.#settled(batch, undefined),
        (error: Error) => this.#settled(batch, error),
      )
      // everything is counted by then; what a listener throws must not end the process
      .catch(() => {})
      .finally(() => {
        this.#underway.delete(sent);
        if (this.#isDue) this.#send();
      });
    batch.sent = sent;
    this.#underway.add(sent);
  }

  #settled({ bytes, delivery, spans }: Batch, error: Error | undefined): void {
    delivery.state = error === undefined ? 'delivered' : 'lost';
    this.#free.push(bytes);
    this.#queued -= spans;
    if (error === undefined) {
      this.#exported += spans;
      return;
    }
    this.#dropped += spans;
    this.#exportFailures++;
    this.#parts.onFailure(error);
  }
}

/** How many spans a record gives. */
function spansOf({ attempts, policies }: RequestRecord): number {
  let spans = 1 + attempts.length;
  for (const policy of policies) if (policy.durationMs >= POLICY_SPAN_FROM_MS) spans++;
  return spans;
}
