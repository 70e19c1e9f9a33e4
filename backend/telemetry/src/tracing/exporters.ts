import { convertLegacyHttpOptions } from '@opentelemetry/otlp-exporter-base/node-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { JaegerExporter } from '@opentelemetry/exporter-jaeger';
import { ZipkinExporter } from '@opentelemetry/exporter-zipkin';
import { ConsoleSpanExporter, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { StandardVariables } from '../config/standard-variables.ts';
import type { OtlpEndpoint, TracingOptions } from './options.ts';
import { createOtlpPost, type OtlpPost } from './otlp-post.ts';

export const DEFAULT_LOCAL_URL = 'http://127.0.0.1:8002';
const DEFAULT_JAEGER_ENDPOINT = 'http://127.0.0.1:14268/api/traces';
const DEFAULT_ZIPKIN_ENDPOINT = 'http://127.0.0.1:9411/api/v2/spans';
const DEFAULT_OTLP_ENDPOINT = 'http://localhost:4318';

/** The address that spans are sent to; undefined for the console. */
export function exporterUrl(options: TracingOptions, standard: StandardVariables): string | undefined {
  switch (options.exporter) {
    case 'local':
      return `${(options.localUrl ?? DEFAULT_LOCAL_URL).replace(/\/+$/, '')}/v1/traces`;
    case 'otlp':
      return standard.otlpEndpoint ?? DEFAULT_OTLP_ENDPOINT;
    case 'jaeger':
      return options.jaegerEndpoint ?? standard.jaegerEndpoint ?? DEFAULT_JAEGER_ENDPOINT;
    case 'zipkin':
      return options.zipkinEndpoint ?? standard.zipkinEndpoint ?? DEFAULT_ZIPKIN_ENDPOINT;
    case 'console':
      return undefined;
  }
}

/** Without an own bound a request to a hanging collector would outlive the queue's patience. */
function otlpTimeoutMs(standard: StandardVariables, exportTimeoutMs: number): number {
  return Math.min(standard.otlpTimeoutMs ?? Infinity, exportTimeoutMs + 500);
}

/**
 * The exporter that the options name.
 *
 * @param exportTimeoutMs after which the queue gives an export up
 */
export function createExporter(
  options: TracingOptions,
  standard: StandardVariables,
  exportTimeoutMs: number,
): SpanExporter {
  const url = exporterUrl(options, standard) ?? '';
  const timeoutMillis = otlpTimeoutMs(standard, exportTimeoutMs);
  switch (options.exporter) {
    case 'local':
      return new OTLPTraceExporter({ url, timeoutMillis });
    case 'otlp':
      // no url: the exporter reads OTEL_EXPORTER_OTLP_* itself (endpoint, headers, compression, certificates)
      return new OTLPTraceExporter({ timeoutMillis });
    case 'jaeger':
      // always an endpoint: without one it would silently send UDP to port 6832
      // each export flushes by itself, so there is nothing to wait two seconds for at the end
      return new JaegerExporter({ endpoint: url, flushTimeout: 100 });
    case 'zipkin':
      return new ZipkinExporter({ url });
    case 'console':
      return new ConsoleSpanExporter();
  }
}

/**
 * The post to the collector that `createExporter` would export to, with the same address, headers and certificates;
 * undefined where spans do not go by OTLP.
 */
export function createPost(
  options: TracingOptions,
  standard: StandardVariables,
  exportTimeoutMs: number,
): OtlpPost | undefined {
  if (options.exporter !== 'otlp' && options.exporter !== 'local') return undefined;
  const url = options.exporter === 'local' ? { url: exporterUrl(options, standard) ?? '' } : {};
  const headers = { 'Content-Type': 'application/x-protobuf' };
  const configuration = convertLegacyHttpOptions(url, 'TRACES', 'v1/traces', headers);
  return createOtlpPost(configuration, Math.min(otlpTimeoutMs(standard, exportTimeoutMs), exportTimeoutMs));
}

/** An exporter to one more OTLP endpoint. */
export function otlpExporter(endpoint: OtlpEndpoint, exportTimeoutMs: number): SpanExporter {
  const timeoutMillis = exportTimeoutMs + 500;
  return new OTLPTraceExporter({ url: endpoint.url, headers: { ...endpoint.headers }, timeoutMillis });
}
