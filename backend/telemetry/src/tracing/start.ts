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
import { ParentBasedSampler, TraceIdRatioBasedSampler, type ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { standardVariables, type StandardVariables } from '../config/standard-variables.ts';
import { LOST } from '../record/delivery.ts';
import type { RecordSink } from '../record/recorder.ts';
import { createExporter, createPost, exporterUrl, otlpExporter } from './exporters.ts';
import { createInstrumentations, DEFAULT_IGNORED_PATHS, type Ignored } from './instrumentations.ts';
import { within } from '../within.ts';
import { onceAMinute } from './once-a-minute.ts';
import { patchBuiltins, patchOnImport } from './patch-imports.ts';
import type { OtlpEndpoint, QueueStats, TracingOptions } from './options.ts';
import { OtlpRecordSender } from './otlp-record-sender.ts';
import { recordSpans } from './record-spans.ts';
import { DEFAULT_BOUNDS, type QueueBounds } from './span-queue.ts';
import { addStats, SpanQueues } from './span-queues.ts';

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
    spanSink: (record) => {
      record.delivery = LOST;
    },
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
  const onFailure = (error: Error): void => say(`spans were not exported: ${error.message}`);
  const queues = new SpanQueues(bounds, onFailure);
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
  const sender = createSender(options, standard, { bounds, resource, queues, onFailure });
  return {
    enabled: true,
    resource,
    spanSink: spanSink(resource, queues, sender),
    exportSpan: (span) => queues.onEnd(span),
    addEndpoint: (endpoint) => queues.add(otlpExporter(endpoint, bounds.exportTimeoutMs)),
    onProblem: (next) => {
      listener = next;
    },
    stats: () => addStats(sender ? [queues.stats(), sender.stats()] : [queues.stats()]),
    forceFlush: async () => {
      await Promise.allSettled([queues.forceFlush(), sender?.forceFlush()]);
    },
    shutdown: (limitMs) =>
      within(limitMs, Promise.allSettled([sdk.shutdown(), sender?.shutdown()]).finally(unregister)),
  };
}

interface SenderParts {
  readonly bounds: QueueBounds;
  readonly resource: Resource;
  readonly queues: SpanQueues;
  readonly onFailure: (error: Error) => void;
}

/** Where spans go by OTLP, records do not have to become objects of the SDK first. */
function createSender(
  options: TracingOptions,
  standard: StandardVariables,
  { bounds, resource, queues, onFailure }: SenderParts,
): OtlpRecordSender | undefined {
  const post = createPost(options, standard, bounds.exportTimeoutMs);
  if (post === undefined) return undefined;
  return new OtlpRecordSender({
    resource,
    post,
    // unless the variables name a number of spans, the size of the buffers is the bound
    bounds: {
      queueSize: standard.batch.queueSize ?? Infinity,
      batchSize: standard.batch.batchSize ?? Infinity,
      delayMs: bounds.delayMs,
    },
    onFailure,
    oversized: recordSpans({ resource, exportSpan: (span) => queues.exportToFirst(span) }),
  });
}

/** The first endpoint is the sender's where there is one; all others are given spans of the SDK. */
function spanSink(resource: Resource, queues: SpanQueues, sender: OtlpRecordSender | undefined): RecordSink {
  if (sender === undefined) return recordSpans({ resource, exportSpan: (span) => queues.onEnd(span) });
  const toOthers = recordSpans({ resource, exportSpan: (span) => queues.exportToOthers(span) });
  return (record) => {
    sender.accept(record);
    if (queues.hasOthers) toOthers(record);
  };
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
