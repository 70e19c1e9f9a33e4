import { context, trace, TraceFlags } from '@opentelemetry/api';
import { accessLog } from '../logs/index.ts';
import { requestMetrics } from '../metrics/index.ts';
import type { RemoteContext } from '../record/trace-context.ts';
import { createRecorder, type Recorder } from '../record/recorder.ts';
import { serviceTelemetry, type ServiceTelemetry } from './telemetry.ts';

/** What `gateway()` of `@clearway/gateway` takes to tell of its requests. */
export interface GatewayTelemetry {
  readonly recorder: Recorder;
  readonly onOpen: () => void;
  readonly localParent: () => RemoteContext | undefined;
}

const made = new WeakMap<ServiceTelemetry, GatewayTelemetry>();

/**
 * Joins a gateway that is mounted in an app to the app's telemetry: spans, metrics `clearway_*`, access-log lines and error
 * events of its requests, in the trace of the app's own span. Several gateways of one app share it.
 *
 * @example
 * app.use(gateway({ file: 'clearway.yaml', ...gatewayTelemetry() }));
 */
export function gatewayTelemetry(service: ServiceTelemetry = serviceTelemetry()): GatewayTelemetry {
  let telemetry = made.get(service);
  if (telemetry === undefined) made.set(service, (telemetry = make(service)));
  return telemetry;
}

function make({ errors, health, logs, metrics, tracing }: ServiceTelemetry): GatewayTelemetry {
  const requests = requestMetrics(metrics, { routes: [], upstreams: [] });
  const recorder = createRecorder(
    [
      { name: 'metrics', accept: requests.sink },
      { name: 'open', accept: () => requests.closed() },
      { name: 'spans', accept: tracing.spanSink },
      { name: 'log', accept: accessLog(logs) },
      { name: 'errors', accept: errors.recordSink },
    ],
    (sink, error) => {
      health.sinkFailed(sink);
      logs.logger.error('a telemetry sink failed', { sink, error });
    },
  );
  return { recorder, onOpen: () => requests.opened(), localParent: activeParent };
}

/** The span that an instrumentation made for the request. */
function activeParent(): RemoteContext | undefined {
  const active = trace.getSpanContext(context.active());
  if (active === undefined || !trace.isSpanContextValid(active)) return undefined;
  const { traceId, spanId, traceFlags, traceState } = active;
  return {
    traceId,
    spanId,
    traceState: traceState?.serialize(),
    sampled: (traceFlags & TraceFlags.SAMPLED) !== 0,
    isDebug: false,
  };
}
