import type { Lifecycle } from '@clearway/kernel';
import {
  accessLog,
  createLogger,
  createMetrics,
  createRecorder,
  otlpLogsTarget,
  requestMetrics,
  telemetryMetrics,
  type Errors,
  type Logs,
  type Metrics,
  type Recorder,
  type RequestRecord,
  type Tracing,
} from '@clearway/telemetry';
import { createRecentRecords, type RecentRecords } from './admin/recent-records.ts';
import type { Env } from './config/env.ts';
import { startSentry } from './config/sentry.ts';
import { SERVICE, VERSION } from './config/version.ts';
import type { GatewaySettings } from './config/configuration.ts';
import type { FlightRecorder } from './flight-recorder/flight-recorder.ts';
import { startFlightRecorder } from './flight-recorder/open.ts';

/** Everything by which the process tells what happens in it. */
export interface Signals {
  readonly errors: Errors;
  readonly logs: Logs;
  readonly metrics: Metrics;
  readonly records: RecentRecords;
  readonly recorder: Recorder;
  readonly flight: FlightRecorder;
  /** A request has come; its end comes through the recorder. The target is that of its request line. */
  readonly onOpen: (record: RequestRecord, target: string) => void;
  /** Takes in the routes and upstreams of a new configuration. */
  readonly setLabels: (configuration: GatewaySettings) => void;
}

/** Time for what is queued to leave at the end. */
const FLUSH_LIMIT_MS = 3000;

/** Opens errors, logs and metrics, and the recorder that derives them all from one record. */
export function openSignals(
  options: {
    env: Env;
    tracing: Tracing;
    lifecycle: Lifecycle;
    variables: Readonly<Record<string, string | undefined>>;
  },
  configuration: GatewaySettings,
): Signals {
  const { env, tracing, lifecycle } = options;
  let flight: FlightRecorder | undefined = undefined;
  // released last of all: until then something may still kill the process
  lifecycle.onRelease('flight recorder', () => flight?.close());
  const logs = openLogs(env, tracing);
  lifecycle.onRelease('logs', () => logs.close(FLUSH_LIMIT_MS));
  const errors = startSentry(env, tracing);
  // together: two receivers that are gone must not make the end wait twice
  const flush = () => Promise.all([tracing.shutdown(FLUSH_LIMIT_MS), errors.close(FLUSH_LIMIT_MS)]);
  lifecycle.onRelease('tracing and errors', flush);
  tracing.onProblem((message) => logs.logger.warn(message));
  const metrics = createMetrics({ service: SERVICE, version: VERSION, commit: env.CLEARWAY_COMMIT });
  const requests = requestMetrics(metrics, labelsOf(configuration));
  const records = createRecentRecords(env.RECENT_RECORDS);
  const telemetryHealth = telemetryMetrics(metrics, { tracing, logs, errors });
  const recording = (flight = startFlightRecorder(options, { logs, metrics, errors }));
  const recorder = createRecorder(
    [
      // first: exemplars are of traces that are on their way only
      { name: 'spans', accept: tracing.spanSink },
      { name: 'metrics', accept: requests.sink },
      { name: 'open', accept: () => requests.closed() },
      { name: 'log', accept: accessLog(logs) },
      { name: 'errors', accept: errors.recordSink },
      { name: 'recent', accept: records.sink },
      { name: 'flight', accept: (record) => recording.closed(record) },
    ],
    (sink, error) => {
      telemetryHealth.sinkFailed(sink);
      logs.logger.error('a telemetry sink failed', { sink, error });
    },
  );
  const setLabels = (next: GatewaySettings): void => requests.setLabels(labelsOf(next));
  const onOpen = (record: RequestRecord, target: string): void => {
    requests.opened();
    recording.opened(record, target);
  };
  return { errors, logs, metrics, records, recorder, flight: recording, onOpen, setLabels };
}

function openLogs(env: Env, tracing: Tracing): Logs {
  const target = otlpLogsTarget(env);
  return createLogger({
    service: env.OTEL_SERVICE_NAME ?? SERVICE,
    level: env.LOG_LEVEL,
    pretty: env.LOG_FORMAT === 'auto' ? 'auto' : env.LOG_FORMAT === 'pretty',
    otlp: target && { ...target, resource: tracing.resource },
  });
}

function labelsOf({ routes, upstreams }: GatewaySettings) {
  return { routes: routes.map(({ id }) => id), upstreams: Object.keys(upstreams) };
}
