import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { JaegerExporter } from '@opentelemetry/exporter-jaeger';
import { ZipkinExporter } from '@opentelemetry/exporter-zipkin';
import { ConsoleSpanExporter, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { StandardVariables } from '../config/standard-variables.ts';
import type { OtlpEndpoint, TracingOptions } from './options.ts';

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

/** The exporter that the options name. */
export function createExporter(options: TracingOptions, standard: StandardVariables): SpanExporter {
  const url = exporterUrl(options, standard) ?? '';
  switch (options.exporter) {
    case 'local':
      return new OTLPTraceExporter({ url });
    case 'otlp':
      // no url: the exporter reads OTEL_EXPORTER_OTLP_* itself (endpoint, headers, timeout, compression, certificates)
      return new OTLPTraceExporter();
    case 'jaeger':
      // always an endpoint: without one it would silently send UDP to port 6832
      return new JaegerExporter({ endpoint: url });
    case 'zipkin':
      return new ZipkinExporter({ url });
    case 'console':
      return new ConsoleSpanExporter();
  }
}

/** An exporter to one more OTLP endpoint. */
export function otlpExporter(endpoint: OtlpEndpoint): SpanExporter {
  return new OTLPTraceExporter({ url: endpoint.url, headers: { ...endpoint.headers } });
}
