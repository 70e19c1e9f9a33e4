import { z } from 'zod';
import { flag, ratio, url, variable } from '@clearway/kernel';
import { isSentryDsn } from './sentry-dsn.ts';
import type { InstrumentationSet, TracingOptions } from '../tracing/options.ts';

const tracing = { section: 'Tracing' };
const errors = { section: 'Errors' };
const logs = { section: 'Logs' };

/** The SDK only warns of an unusable one, and prints it. */
const sentryDsn = () =>
  z.string().superRefine((text, context) => {
    if (isSentryDsn(text)) return;
    const params = { remedy: 'copy it from Sentry: project settings, client keys; https://key@host/project' };
    context.addIssue({ code: 'custom', message: 'not a Sentry DSN', params });
  });

/** Every variable that tracing, errors and logs read, for a process's own environment and for the reference. */
export const telemetryEnvironment = {
  OTEL_ENABLED: variable(flag().default(true), 'Whether requests are traced.', tracing),
  OTEL_SERVICE_NAME: variable(z.string().optional(), 'Name of the process in traces, logs, metrics and errors.', {
    ...tracing,
    example: 'api-gateway',
  }),
  OTEL_EXPORTER: variable(
    z.enum(['local', 'otlp', 'jaeger', 'zipkin', 'console']).default('local'),
    "Where spans go: local is the worker's own trace store, which needs no collector.",
    tracing,
  ),
  OTEL_LOCAL_URL: variable(
    url('http', 'https').default('http://127.0.0.1:8002'),
    'Base URL of the worker, for OTEL_EXPORTER=local.',
    tracing,
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: variable(
    url('http', 'https').optional(),
    'Base URL of the collector, for OTEL_EXPORTER=otlp; the other OTEL_EXPORTER_OTLP_* variables are honoured too.',
    { ...tracing, example: 'http://127.0.0.1:4318' },
  ),
  OTEL_EXPORTER_OTLP_HEADERS: variable(z.string().optional(), 'Headers for the collector: name=value,name=value.', {
    ...tracing,
    secret: true,
    example: 'authorization=Bearer%20...',
  }),
  OTEL_EXPORTER_JAEGER_ENDPOINT: variable(
    url('http', 'https').default('http://127.0.0.1:14268/api/traces'),
    "Jaeger's collector (Thrift over HTTP), for OTEL_EXPORTER=jaeger.",
    tracing,
  ),
  OTEL_EXPORTER_ZIPKIN_ENDPOINT: variable(
    url('http', 'https').default('http://127.0.0.1:9411/api/v2/spans'),
    "Zipkin's collector, for OTEL_EXPORTER=zipkin.",
    tracing,
  ),
  OTEL_RESOURCE_ATTRIBUTES: variable(z.string().optional(), 'Further attributes of the process: name=value,…', {
    ...tracing,
    example: 'service.namespace=music',
  }),
  TRACE_SAMPLE_RATIO: variable(
    ratio().default(1),
    'Share of new traces that are sampled; the gateway keeps its spans of failed and slow requests all the same.',
    tracing,
  ),
  JAEGER_UI_URL: variable(url('http', 'https').optional(), 'Jaeger UI: links to traces lead there when it is set.', {
    ...tracing,
    example: 'http://127.0.0.1:16686',
  }),
  SENTRY_DSN: variable(sentryDsn().optional(), 'Address of the Sentry project; unset switches errors off.', {
    ...errors,
    secret: true,
    example: 'https://key@o0.ingest.sentry.io/1',
  }),
  SENTRY_ENVIRONMENT: variable(
    z.string().default('development'),
    'Name of this deployment, in errors and traces.',
    errors,
  ),
  SENTRY_RELEASE: variable(z.string().optional(), 'Version that errors are attributed to.', {
    ...errors,
    example: 'clearway@1.0.0',
  }),
  SENTRY_TRACES: variable(
    flag().default(false),
    'Whether spans are sent to Sentry too, for its performance views.',
    errors,
  ),
  LOG_LEVEL: variable(z.enum(['error', 'warn', 'info', 'debug']).default('info'), 'Least level that is logged.', logs),
  LOG_FORMAT: variable(
    z.enum(['json', 'pretty', 'auto']).default('auto'),
    'How lines are written: auto is pretty on a terminal and JSON elsewhere.',
    logs,
  ),
};

/** The variables as they are after reading. */
export type TelemetryEnvironment = Readonly<z.output<z.ZodObject<typeof telemetryEnvironment>>>;

/**
 * The tracing options that the variables say.
 *
 * @example
 * startTracing(tracingOptions(env, { serviceName: 'worker', serviceVersion: '1.0.0', instrumentations: 'service' }));
 */
export function tracingOptions(
  env: TelemetryEnvironment,
  process: { serviceName: string; serviceVersion: string; instrumentations: InstrumentationSet },
): TracingOptions {
  return {
    enabled: env.OTEL_ENABLED,
    serviceName: env.OTEL_SERVICE_NAME ?? process.serviceName,
    serviceVersion: process.serviceVersion,
    environment: env.SENTRY_ENVIRONMENT,
    exporter: env.OTEL_EXPORTER,
    localUrl: env.OTEL_LOCAL_URL,
    sampleRatio: env.TRACE_SAMPLE_RATIO,
    instrumentations: process.instrumentations,
    jaegerEndpoint: env.OTEL_EXPORTER_JAEGER_ENDPOINT,
    zipkinEndpoint: env.OTEL_EXPORTER_ZIPKIN_ENDPOINT,
    sentryHost: env.SENTRY_DSN === undefined ? undefined : URL.parse(env.SENTRY_DSN)?.host,
  };
}

/**
 * Where application log lines go beside stdout: to the same receiver as the spans when that speaks OTLP, else nowhere.
 *
 * @returns `url` undefined leaves the address to the standard variables
 */
export function otlpLogsTarget(env: TelemetryEnvironment): { readonly url: string | undefined } | undefined {
  if (!env.OTEL_ENABLED) return undefined;
  if (env.OTEL_EXPORTER === 'local') return { url: `${env.OTEL_LOCAL_URL.replace(/\/+$/, '')}/v1/logs` };
  return env.OTEL_EXPORTER === 'otlp' ? { url: undefined } : undefined;
}
