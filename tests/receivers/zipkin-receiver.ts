import type { ReceivedSpan } from './received.ts';
import { startReceiver, type Receiver } from './receiver.ts';

/** Zipkin's collector, API version 2. */
export interface ZipkinReceiver extends Receiver {
  spans(): readonly ReceivedSpan[];
}

/** One span of Zipkin's JSON. Times are microseconds. Source: openzipkin/zipkin-api, zipkin2-api.yaml. */
interface ZipkinSpan {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly name?: string;
  readonly kind?: string;
  readonly timestamp: number;
  readonly duration: number;
  readonly localEndpoint?: { readonly serviceName?: string };
  readonly tags?: Readonly<Record<string, string>>;
  readonly annotations?: readonly { readonly timestamp: number; readonly value: string }[];
}

/** Starts one; spans go to `url` + `/api/v2/spans`. */
export async function startZipkinReceiver(): Promise<ZipkinReceiver> {
  const spans: ReceivedSpan[] = [];
  const receiver = await startReceiver(({ body }) => {
    spans.push(...(JSON.parse(body.toString()) as ZipkinSpan[]).map(toSpan));
  });
  return Object.assign(receiver, { spans: () => spans });
}

function toSpan(span: ZipkinSpan): ReceivedSpan {
  return {
    service: span.localEndpoint?.serviceName,
    scope: span.tags?.['otel.scope.name'],
    traceId: span.traceId,
    spanId: span.id,
    parentSpanId: span.parentId ?? '',
    name: span.name ?? '',
    kind: (span.kind?.toLowerCase() ?? 'internal') as ReceivedSpan['kind'],
    attributes: span.tags ?? {},
    events: (span.annotations ?? []).map(({ timestamp, value }) => ({ name: value, timeMs: timestamp / 1000 })),
    startMs: span.timestamp / 1000,
    endMs: (span.timestamp + span.duration) / 1000,
    failed: span.tags?.['otel.status_code'] === 'ERROR',
    statusMessage: span.tags?.error,
  };
}
