import { integer, many, one, readMessage, type Message } from './protobuf.ts';
import { KINDS, type ReceivedLog, type ReceivedSpan } from './received.ts';

const text = (bytes: Buffer): string => bytes.toString('utf8');
const hex = (bytes: Buffer): string => bytes.toString('hex');
const toMs = (nanoseconds: bigint): number => Number(nanoseconds) / 1e6;

/** Spans of an ExportTraceServiceRequest. Source: opentelemetry/proto/trace/v1/trace.proto. */
export function decodeSpans(body: Buffer): ReceivedSpan[] {
  return groups(body).map(({ service, scope, item }) => {
    const status = readMessage(one(item, 15));
    return {
      service,
      scope,
      traceId: hex(one(item, 1)),
      spanId: hex(one(item, 2)),
      parentSpanId: hex(one(item, 4)),
      name: text(one(item, 5)),
      kind: KINDS[Number(integer(item, 6))] ?? 'unspecified',
      startMs: toMs(integer(item, 7)),
      endMs: toMs(integer(item, 8)),
      attributes: attributesOf(many(item, 9)),
      events: many(item, 11)
        .map(readMessage)
        .map((event) => ({ name: text(one(event, 2)), timeMs: toMs(integer(event, 1)) })),
      failed: integer(status, 3) === 2n,
      statusMessage: one(status, 2).length > 0 ? text(one(status, 2)) : undefined,
    };
  });
}

/** Records of an ExportLogsServiceRequest. Source: opentelemetry/proto/logs/v1/logs.proto. */
export function decodeLogs(body: Buffer): ReceivedLog[] {
  return groups(body).map(({ service, item }) => ({
    service,
    severity: text(one(item, 3)),
    body: valueOf(one(item, 5)),
    attributes: attributesOf(many(item, 6)),
    traceId: hex(one(item, 9)),
    spanId: hex(one(item, 10)),
  }));
}

/** Both requests nest alike: resource, then scope, then items. */
function groups(body: Buffer): { service: string | undefined; scope: string; item: Message }[] {
  return many(readMessage(body), 1)
    .map(readMessage)
    .flatMap((resourceItems) => {
      const resource = attributesOf(many(readMessage(one(resourceItems, 1)), 1));
      const service = resource['service.name'] as string | undefined;
      return many(resourceItems, 2)
        .map(readMessage)
        .flatMap((scopeItems) => {
          const scope = text(one(readMessage(one(scopeItems, 1)), 1));
          return many(scopeItems, 2).map((item) => ({ service, scope, item: readMessage(item) }));
        });
    });
}

function attributesOf(pairs: Buffer[]): Record<string, unknown> {
  return Object.fromEntries(pairs.map(readMessage).map((pair) => [text(one(pair, 1)), valueOf(one(pair, 2))]));
}

/** An AnyValue. Source: opentelemetry/proto/common/v1/common.proto. */
function valueOf(bytes: Buffer): unknown {
  const message = readMessage(bytes);
  if (message.has(1)) return text(one(message, 1));
  if (message.has(2)) return integer(message, 2) === 1n;
  if (message.has(3)) return Number(BigInt.asIntN(64, integer(message, 3)));
  if (message.has(4)) return doubleOf(integer(message, 4));
  if (message.has(5)) return many(readMessage(one(message, 5)), 1).map(valueOf);
  if (message.has(6)) return attributesOf(many(readMessage(one(message, 6)), 1));
  return message.has(7) ? one(message, 7) : null;
}

function doubleOf(bits: bigint): number {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(bits);
  return bytes.readDoubleLE();
}
