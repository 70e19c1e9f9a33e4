import { context, propagation, SpanKind, trace } from '@opentelemetry/api';
import { startTracing } from '@clearway/telemetry';

/** A caller with tracing of its own: the root of the traces that it starts. */
export interface TracedClient {
  upload(url: string, body: Uint8Array<ArrayBuffer>): Promise<{ traceId: string; answer: Response }>;
  close(): Promise<void>;
}

/** Starts one that exports to an OTLP receiver. */
export function startClient(receiver: string): TracedClient {
  const tracing = startTracing({
    enabled: true,
    serviceName: 'client-under-test',
    serviceVersion: '0',
    environment: 'test',
    exporter: 'local',
    localUrl: receiver,
    instrumentations: 'none',
  });
  return {
    async upload(url, body) {
      const span = trace.getTracer('client').startSpan('PUT', { kind: SpanKind.CLIENT });
      const headers: Record<string, string> = { 'content-type': 'audio/flac' };
      propagation.inject(trace.setSpan(context.active(), span), headers);
      const answer = await fetch(url, { method: 'PUT', headers, body });
      await answer.arrayBuffer();
      span.end();
      return { traceId: span.spanContext().traceId, answer };
    },
    close: () => tracing.shutdown(3000),
  };
}
