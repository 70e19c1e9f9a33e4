import { TraceFlags } from '@opentelemetry/api';
import { ExportResultCode, type ExportResult } from '@opentelemetry/core';
import {
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import type { QueueStats } from './options.ts';

/** Bounds of a span queue. */
export interface QueueBounds {
  readonly queueSize: number;
  readonly batchSize: number;
  readonly delayMs: number;
  readonly exportTimeoutMs: number;
}

const TOO_LATE = 'the collector did not answer in time';

/** Values that hold unless `OTEL_BSP_*` says otherwise. */
export const DEFAULT_BOUNDS: QueueBounds = {
  queueSize: 8192,
  batchSize: 512,
  delayMs: 1000,
  exportTimeoutMs: 5000,
};

/**
 * A span processor with a bounded queue that counts: the SDK's batch processor drops without a trace when its queue is
 * full, so the bound is enforced in front of it, and the exporter behind it is watched for what became of each batch.
 */
export class SpanQueue implements SpanProcessor {
  readonly #bounds: QueueBounds;
  readonly #batches: BatchSpanProcessor;
  readonly #underway = new Set<Promise<void>>();
  #queued = 0;
  #exported = 0;
  #dropped = 0;
  #exportFailures = 0;

  /** @param onFailure told of each export that failed; not called for spans refused at the bound */
  constructor(exporter: SpanExporter, bounds: QueueBounds, onFailure: (error: Error) => void) {
    this.#bounds = bounds;
    this.#batches = new BatchSpanProcessor(this.#watched(exporter, onFailure), {
      maxQueueSize: bounds.queueSize,
      maxExportBatchSize: Math.min(bounds.batchSize, bounds.queueSize),
      scheduledDelayMillis: bounds.delayMs,
      // the watched exporter gives up first, so that every span is counted once
      exportTimeoutMillis: bounds.exportTimeoutMs + 1000,
    });
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return;
    if (this.#queued >= this.#bounds.queueSize) {
      this.#dropped++;
      return;
    }
    this.#queued++;
    this.#batches.onEnd(span);
  }

  /** Resolves when nothing waits and nothing is on the way; the batch processor itself forgets what it handed over. */
  async forceFlush(): Promise<void> {
    await Promise.allSettled([this.#batches.forceFlush(), ...this.#underway]);
  }

  async shutdown(): Promise<void> {
    await Promise.allSettled([this.#batches.shutdown(), ...this.#underway]);
  }

  stats(): QueueStats {
    return {
      queued: this.#queued,
      exported: this.#exported,
      dropped: this.#dropped,
      exportFailures: this.#exportFailures,
    };
  }

  #watched(exporter: SpanExporter, onFailure: (error: Error) => void): SpanExporter {
    return {
      export: (spans, done) => {
        const underway = this.#export(exporter, spans).then((result) => {
          this.#underway.delete(underway);
          this.#settled(spans.length, result, onFailure);
          done(result);
        });
        this.#underway.add(underway);
      },
      forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
      shutdown: () => exporter.shutdown(),
    };
  }

  /** One export, given up after its time; the exporter's later word is ignored then. */
  #export(exporter: SpanExporter, spans: ReadableSpan[]): Promise<ExportResult> {
    return new Promise((resolve) => {
      const fail = (error: unknown): void => resolve({ code: ExportResultCode.FAILED, error: error as Error });
      const timer = setTimeout(() => fail(new Error(TOO_LATE)), this.#bounds.exportTimeoutMs).unref();
      try {
        exporter.export(spans, (result) => {
          clearTimeout(timer);
          resolve(result);
        });
      } catch (error) {
        clearTimeout(timer);
        fail(error);
      }
    });
  }

  #settled(count: number, result: ExportResult, onFailure: (error: Error) => void): void {
    this.#queued -= count;
    if (result.code === ExportResultCode.SUCCESS) {
      this.#exported += count;
      return;
    }
    this.#dropped += count;
    this.#exportFailures++;
    onFailure(result.error ?? new Error('the collector refused the spans'));
  }
}
