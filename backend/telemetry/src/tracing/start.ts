import { context, diag, ROOT_CONTEXT, DiagLogLevel, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { setGlobalErrorHandler } from '@opentelemetry/core';
import {
  detectResources,
  envDetector,
  defaultResource,
  resourceFromAttributes,
  type Resource,
} from '@opentelemetry/resources';
import { NodeSDK } from '@opentelemetry/sdk-node';
import {
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  type ReadableSpan,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { standardVariables, type StandardVariables } from '../config/standard-variables.ts';
import type { RecordSink } from '../record/recorder.ts';
import { createExporter, exporterUrl, otlpExporter } from './exporters.ts';
import { createInstrumentations, DEFAULT_IGNORED_PATHS, type Ignored } from './instrumentations.ts';
import { within } from '../within.ts';
import { onceAMinute } from './once-a-minute.ts';
import { patchBuiltins, patchOnImport } from './patch-imports.ts';
import type { OtlpEndpoint, QueueStats, TracingOptions } from './options.ts';
import { recordSpans } from './record-spans.ts';
import { DEFAULT_BOUNDS, SpanQueue, type QueueBounds } from './span-queue.ts';

/** Tracing as a process uses it. */
export interface Tracing {
  /** Whether spans are recorded and exported at all. */
  readonly enabled: boolean;
  /** Service, version and environment: the same on spans made by hand and by instrumentations. */
  readonly resource: Resource;
  /** Exports the spans of finished records: the sink to give to the recorder. */
  readonly spanSink: RecordSink;
  /** Queues a finished span that was built by hand. */
  exportSpan(span: ReadableSpan): void;
  /** Gives all spans to one more endpoint from now on, such as the error tracker's; does nothing when disabled. */
  addEndpoint(endpoint: OtlpEndpoint): void;
  /** Replaces the listener that is told of failed exports. */
  onProblem(listener: (message: string) => void): void;
  /** Sums over all endpoints. */
  stats(): QueueStats;
  /** Exports what is queued; never rejects. */
  forceFlush(): Promise<void>;
  /** Exports what is queued and stops, within `limitMs`; never rejects. */
  shutdown(limitMs: number): Promise<void>;
}

/**
 * Starts tracing. Must run before the libraries that are instrumented are loaded.
 *
 * @example
 * const tracing = startTracing({ enabled: true, serviceName: 'api-gateway', serviceVersion: '1.0.0',
 *   environment: 'production', exporter: 'otlp', instrumentations: 'gateway' });
 */
export function startTracing(options: TracingOptions): Tracing {
  const standard = standardVariables();
  return options.enabled && !standard.disabled ? startEnabled(options, standard) : startDisabled(options);
}

function startDisabled(options: TracingOptions): Tracing {
  registerContextManager();
  return {
    enabled: false,
    resource: resourceOf(options),
    spanSink: () => {},
    exportSpan: () => {},
    addEndpoint: () => {},
    onProblem: () => {},
    stats: () => ({ queued: 0, exported: 0, dropped: 0, exportFailures: 0 }),
    forceFlush: () => Promise.resolve(),
    shutdown: () => {
      unregister();
      return Promise.resolve();
    },
  };
}

/** Without the SDK too, log lines inside a request carry its ids: that needs a context that follows awaits. */
function registerContextManager(): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
}

function startEnabled(options: TracingOptions, standard: StandardVariables): Tracing {
  let listener = options.onProblem ?? writeLine;
  // outside of any request: the one whose spans filled the batch has nothing to do with it
  const say = onceAMinute((message) => context.with(ROOT_CONTEXT, () => listener(message)));
  quietDiagnostics(say);
  const resource = resourceOf(options);
  const bounds = boundsOf(standard);
  const queues = new SpanQueues(bounds, (error) => say(`spans were not exported: ${error.message}`));
  queues.add(createExporter(options, standard, bounds.exportTimeoutMs));
  const sdk = new NodeSDK({
    resource,
    // the default detectors ask for the host and the process; those of the cloud would ask metadata servers
    resourceDetectors: [],
    ...(!standard.samplerNamed && { sampler: samplerOf(options) }),
    spanProcessors: [queues],
    // undefined would mean OTLP to localhost:4318
    metricReaders: [],
    logRecordProcessors: [],
    instrumentations: createInstrumentations(options.instrumentations, ignoredBy(options, standard)),
  });
  sdk.start();
  if (options.instrumentations !== 'none') patchOnImport(['ioredis', 'pg']);
  if (options.instrumentations === 'service') patchBuiltins();
  const tracing: Omit<Tracing, 'spanSink'> = {
    enabled: true,
    resource,
    exportSpan: (span) => queues.onEnd(span),
    addEndpoint: (endpoint) => queues.add(otlpExporter(endpoint, bounds.exportTimeoutMs)),
    onProblem: (next) => {
      listener = next;
    },
    stats: () => queues.stats(),
    forceFlush: () => queues.forceFlush().catch(() => {}),
    shutdown: (limitMs) => within(limitMs, sdk.shutdown().finally(unregister)),
  };
  return { ...tracing, spanSink: recordSpans(tracing) };
}

function writeLine(message: string): void {
  process.stderr.write(`${message}\n`);
}

/** The SDK's own complaints go where export failures go, and never to the console or into an exception. */
function quietDiagnostics(say: (message: string) => void): void {
  const pass = (message: string, ...details: unknown[]): void => say([message, ...details.map(String)].join(' '));
  const ignore = (): void => {};
  const logger = { error: pass, warn: pass, info: ignore, debug: ignore, verbose: ignore };
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  setGlobalErrorHandler(() => {
    // every failed export was counted and told already by its queue
  });
}

function resourceOf(options: TracingOptions): Resource {
  const own = resourceFromAttributes({
    'service.name': options.serviceName,
    'service.version': options.serviceVersion,
    'deployment.environment.name': options.environment,
  });
  return defaultResource()
    .merge(own)
    .merge(detectResources({ detectors: [envDetector] }));
}

function samplerOf(options: TracingOptions): ParentBasedSampler {
  return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(options.sampleRatio ?? 1) });
}

function boundsOf({ batch }: StandardVariables): QueueBounds {
  return {
    queueSize: batch.queueSize ?? DEFAULT_BOUNDS.queueSize,
    batchSize: batch.batchSize ?? DEFAULT_BOUNDS.batchSize,
    delayMs: batch.delayMs ?? DEFAULT_BOUNDS.delayMs,
    exportTimeoutMs: batch.exportTimeoutMs ?? DEFAULT_BOUNDS.exportTimeoutMs,
  };
}

function ignoredBy(options: TracingOptions, standard: StandardVariables): Ignored {
  const collector = URL.parse(exporterUrl(options, standard) ?? '')?.host;
  const hosts = [options.sentryHost, collector].filter((host) => host !== undefined && host !== '') as string[];
  return { hosts: new Set(hosts), paths: new Set(options.ignoredPaths ?? DEFAULT_IGNORED_PATHS) };
}

/** So that a process, or the next test, can start again. */
function unregister(): void {
  trace.disable();
  context.disable();
  propagation.disable();
  diag.disable();
}

/** One queue an endpoint, behind one processor. */
class SpanQueues implements SpanProcessor {
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
    const sum = { queued: 0, exported: 0, dropped: 0, exportFailures: 0 };
    for (const stats of this.#queues.map((queue) => queue.stats())) {
      sum.queued += stats.queued;
      sum.exported += stats.exported;
      sum.dropped += stats.dropped;
      sum.exportFailures += stats.exportFailures;
    }
    return sum;
  }
}
