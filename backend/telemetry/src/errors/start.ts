import * as Sentry from '@sentry/node';
import { context } from '@opentelemetry/api';
import { REFUSALS } from '@clearway/kernel';
import type { RecordSink } from '../record/recorder.ts';
import type { RequestRecord } from '../record/request-record.ts';
import { isSentryDsn } from '../config/sentry-dsn.ts';
import { recordContext } from '../tracing/correlation.ts';
import type { OtlpEndpoint, QueueStats } from '../tracing/options.ts';
import { RateBound } from './rate-bound.ts';
import { describeRecord, failureEvent, type FailedRecord } from './record-event.ts';
import { sentryOptions } from './sentry-options.ts';

/** How errors are reported. */
export interface ErrorsOptions {
  /** Sentry's address of the project; without one nothing is loaded, kept or sent. */
  readonly dsn: string | undefined;
  readonly environment: string;
  readonly release?: string | undefined;
  readonly serviceName: string;
  /** Least time between two events of one failure class and route, in milliseconds. Default 1000. */
  readonly minIntervalMs?: number | undefined;
}

/** What is told of an error beside itself. */
export interface ErrorContext {
  /** The part of the product that failed: a tag. */
  readonly feature?: string | undefined;
  /** Further facts, shown with the event and scrubbed. */
  readonly [name: string]: unknown;
}

/** What became of a test event. */
export interface SentTest {
  readonly eventId: string;
  /** Whether the tracker took it within the time. */
  readonly delivered: boolean;
}

/** The error tracker as a process uses it. */
export interface Errors {
  readonly enabled: boolean;
  /** Reports finished records: an event for a fault, a count for a refusal. */
  readonly recordSink: RecordSink;
  /** Reports an error that an operation met, joined to the trace that is active. */
  reportError(operation: string, error: unknown, context?: ErrorContext): void;
  /** Reports the error that ends the process. */
  captureFatal(error: unknown): void;
  /** Where the same tracker takes spans, so that its performance views show the ones we make; undefined when off. */
  tracesEndpoint(): OtlpEndpoint | undefined;
  /** `host:port` of the tracker, whose calls are not traced; undefined when off. */
  readonly host: string | undefined;
  stats(): QueueStats;
  /** Sends a harmless event and waits for its delivery, at most `limitMs`; undefined when off. */
  sendTest(limitMs: number): Promise<SentTest | undefined>;
  /** Sends what is queued, within `limitMs`; never rejects. */
  flush(limitMs: number): Promise<void>;
  /** Sends what is queued and stops, within `limitMs`; never rejects. */
  close(limitMs: number): Promise<void>;
}

const OFF: Errors = {
  enabled: false,
  recordSink: () => {},
  reportError: () => {},
  captureFatal: () => {},
  tracesEndpoint: () => undefined,
  host: undefined,
  stats: () => ({ queued: 0, exported: 0, dropped: 0, exportFailures: 0 }),
  sendTest: () => Promise.resolve(undefined),
  flush: () => Promise.resolve(),
  close: () => Promise.resolve(),
};

/**
 * Starts error reporting; off without a DSN.
 *
 * @throws Error when the DSN is none
 * @example
 * const errors = startErrors({ dsn: env.SENTRY_DSN, environment: 'production', serviceName: 'api-gateway' });
 */
export function startErrors(options: ErrorsOptions): Errors {
  const { dsn } = options;
  return dsn === undefined || dsn === '' ? OFF : startEnabled({ ...options, dsn });
}

function startEnabled(options: ErrorsOptions & { dsn: string }): Errors {
  // before the SDK sees it: that would print the whole of it, key included, and go on without sending
  if (!isSentryDsn(options.dsn)) throw new Error('the DSN is not of the form https://key@host/project');
  const client = Sentry.init(sentryOptions(options));
  if (client === undefined) return OFF;
  const counts = countEvents(client);
  const bound = new RateBound(options.minIntervalMs ?? 1000);
  const passes = (key: string, send: (heldBack: number) => void): void => {
    const heldBack = bound.pass(key);
    if (heldBack === undefined) counts.heldBack();
    else send(heldBack);
  };
  return {
    enabled: true,
    recordSink: (record) => {
      if (record.reason !== undefined && REFUSALS.has(record.reason)) countRefusal(record, options.serviceName);
      if (!isFailed(record) || !record.isFault()) return;
      passes(`${record.reason} ${record.route}`, (held) => reportRecord(record, options.serviceName, held));
    },
    reportError: (operation, error, more = {}) => {
      const name = error instanceof Error ? error.name : typeof error;
      passes(`${operation} ${name}`, () => reportOperation(operation, error, more, options.serviceName));
    },
    captureFatal: (error) => {
      Sentry.captureException(error, {
        level: 'fatal',
        mechanism: { type: 'generic', handled: false },
        captureContext: { tags: { service: options.serviceName } },
      } as Parameters<typeof Sentry.captureException>[1]);
    },
    tracesEndpoint: () => Sentry.getOtlpTracesEndpoint(options.dsn),
    host: URL.parse(options.dsn)?.host,
    stats: () => counts.stats(),
    sendTest: async (limitMs) => {
      const { exported } = counts.stats();
      const eventId = Sentry.captureMessage('Test event: the connection to Sentry works', 'info');
      await settled(Sentry.flush(limitMs));
      return { eventId, delivered: counts.stats().exported > exported };
    },
    flush: (limitMs) => settled(Sentry.flush(limitMs)),
    close: (limitMs) => settled(Sentry.close(limitMs)),
  };
}

function isFailed(record: RequestRecord): record is FailedRecord {
  return record.reason !== undefined;
}

function countRefusal(record: RequestRecord, service: string): void {
  const attributes = { route: record.route, reason: String(record.reason), service };
  Sentry.metrics.count('clearway.refusals', 1, { attributes });
}

function reportRecord(record: FailedRecord, service: string, heldBack: number): void {
  // the context gives the envelope's trace header the record's ids too
  context.with(recordContext(record), () =>
    Sentry.withScope((scope) => {
      describeRecord(scope, record, service, heldBack);
      if (record.error !== undefined) scope.captureException(record.error);
      else scope.captureEvent(failureEvent(record));
    }),
  );
}

function reportOperation(operation: string, error: unknown, more: ErrorContext, service: string): void {
  const { feature, ...facts } = more;
  Sentry.withScope((scope) => {
    scope.setTags({ operation, service, ...(feature !== undefined && { feature }) });
    scope.setTransactionName(operation);
    if (Object.keys(facts).length > 0) scope.setContext('operation', facts);
    scope.captureException(error);
  });
}

/** Counts by what the SDK says of each event, since it drops silently when its own buffer is full. */
function countEvents(client: Sentry.NodeClient) {
  const counts = { queued: 0, exported: 0, dropped: 0, exportFailures: 0 };
  client.on('beforeSendEvent', () => {
    counts.queued++;
  });
  client.on('afterSendEvent', (_event, response) => {
    counts.queued--;
    const { statusCode = 0 } = response;
    if (statusCode >= 200 && statusCode < 300) {
      counts.exported++;
      return;
    }
    counts.dropped++;
    counts.exportFailures++;
  });
  return {
    heldBack: () => {
      counts.dropped++;
    },
    stats: (): QueueStats => ({ ...counts }),
  };
}

async function settled(work: PromiseLike<unknown>): Promise<void> {
  try {
    await work;
  } catch {
    // what could not be sent was counted; the caller is on its way out
  }
}
