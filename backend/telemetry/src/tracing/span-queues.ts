import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { QueueStats } from './options.ts';
import { SpanQueue, type QueueBounds } from './span-queue.ts';

/** One queue an endpoint, behind one processor; the first one is that of the exporter that was configured. */
export class SpanQueues implements SpanProcessor {
  readonly #queues: SpanQueue[] = [];
  readonly #bounds: QueueBounds;
  readonly #onFailure: (error: Error) => void;

  constructor(bounds: QueueBounds, onFailure: (error: Error) => void) {
    this.#bounds = bounds;
    this.#onFailure = onFailure;
  }

  add(exporter: ConstructorParameters<typeof SpanQueue>[0]): void {
    this.#queues.push(new SpanQueue(exporter, this.#bounds, this.#onFailure));
  }

  /** Whether there are endpoints beside the first. */
  get hasOthers(): boolean {
    return this.#queues.length > 1;
  }

  exportToFirst(span: ReadableSpan): void {
    this.#queues[0]?.onEnd(span);
  }

  exportToOthers(span: ReadableSpan): void {
    for (const queue of this.#queues.slice(1)) queue.onEnd(span);
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    for (const queue of this.#queues) queue.onEnd(span);
  }

  async forceFlush(): Promise<void> {
    await Promise.allSettled(this.#queues.map((queue) => queue.forceFlush()));
  }

  async shutdown(): Promise<void> {
    await Promise.allSettled(this.#queues.map((queue) => queue.shutdown()));
  }

  stats(): QueueStats {
    return addStats(this.#queues.map((queue) => queue.stats()));
  }
}

export function addStats(parts: readonly QueueStats[]): QueueStats {
  const sum = { queued: 0, exported: 0, dropped: 0, exportFailures: 0 };
  for (const stats of parts) {
    sum.queued += stats.queued;
    sum.exported += stats.exported;
    sum.dropped += stats.dropped;
    sum.exportFailures += stats.exportFailures;
  }
  return sum;
}
