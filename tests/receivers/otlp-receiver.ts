import { decodeJsonLogs, decodeJsonSpans } from './otlp-json.ts';
import { decodeLogs, decodeSpans } from './otlp-protobuf.ts';
import type { ReceivedLog, ReceivedSpan } from './received.ts';
import { startReceiver, type Delivery, type Receiver } from './receiver.ts';

/** A collector that takes OTLP over HTTP: protobuf and JSON, spans and log records. */
export interface OtlpReceiver extends Receiver {
  spans(): readonly ReceivedSpan[];
  logs(): readonly ReceivedLog[];
}

/** Starts one; `url` is the base, `/v1/traces` and `/v1/logs` lie below it. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const logs: ReceivedLog[] = [];
  const receiver = await startReceiver((delivery) => {
    if (delivery.path.includes('/v1/traces')) spans.push(...spansOf(delivery));
    else if (delivery.path.includes('/v1/logs')) logs.push(...logsOf(delivery));
    else throw new Error(`OTLP was sent to ${delivery.path}`);
  });
  return Object.assign(receiver, { spans: () => spans, logs: () => logs });
}

/** The spans of one delivery. */
export function spansOf({ headers, body }: Delivery): ReceivedSpan[] {
  return isJson(headers) ? decodeJsonSpans(body) : decodeSpans(body);
}

function logsOf({ headers, body }: Delivery): ReceivedLog[] {
  return isJson(headers) ? decodeJsonLogs(body) : decodeLogs(body);
}

function isJson(headers: Delivery['headers']): boolean {
  return headers['content-type']?.includes('json') ?? false;
}
