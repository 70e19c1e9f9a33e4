import { createRequire } from 'node:module';
import path from 'node:path';
import type { ReceivedSpan } from './received.ts';
import { startReceiver, type Receiver } from './receiver.ts';

/** Jaeger's collector, Thrift over HTTP. */
export interface JaegerReceiver extends Receiver {
  spans(): readonly ReceivedSpan[];
}

/** What is used of thriftrw, which has no types. */
interface Thrift {
  readonly Batch: { readonly rw: { readFrom(bytes: Buffer, offset: number): { err?: Error; value: JaegerBatch } } };
}

interface JaegerBatch {
  readonly process: { readonly serviceName: string };
  readonly spans: readonly JaegerSpan[];
}

interface JaegerSpan {
  readonly traceIdHigh: Buffer;
  readonly traceIdLow: Buffer;
  readonly spanId: Buffer;
  readonly parentSpanId: Buffer;
  readonly operationName: string;
  readonly startTime: Buffer;
  readonly duration: Buffer;
  readonly tags?: readonly JaegerTag[];
  readonly logs?: readonly { readonly timestamp: Buffer; readonly fields: readonly JaegerTag[] }[];
}

interface JaegerTag {
  readonly key: string;
  readonly vType: string;
  readonly vStr?: string;
  readonly vDouble?: number;
  readonly vBool?: boolean;
  readonly vLong?: Buffer;
}

/** Starts one; spans go to `url` + `/api/traces`. */
export async function startJaegerReceiver(): Promise<JaegerReceiver> {
  const thrift = loadThrift();
  const spans: ReceivedSpan[] = [];
  const receiver = await startReceiver(({ body }) => {
    const read = thrift.Batch.rw.readFrom(body, 0);
    if (read.err) throw read.err;
    spans.push(...read.value.spans.map((span) => toSpan(span, read.value.process.serviceName)));
  });
  return Object.assign(receiver, { spans: () => spans });
}

/** By the interface description that Jaeger's own client ships. */
function loadThrift(): Thrift {
  const require = createRequire(import.meta.url);
  const { Thrift: Loader } = require('thriftrw') as { Thrift: new (options: object) => Thrift };
  const client = path.dirname(require.resolve('jaeger-client'));
  return new Loader({
    entryPoint: path.join(client, 'jaeger-idl/thrift/jaeger.thrift'),
    allowFilesystemAccess: true,
    allowOptionalArguments: true,
  });
}

function toSpan(span: JaegerSpan, service: string): ReceivedSpan {
  const attributes = tagsOf(span.tags);
  const startMs = microseconds(span.startTime);
  const parent = span.parentSpanId.toString('hex');
  return {
    service,
    scope: attributes['otel.scope.name'] as string | undefined,
    traceId: span.traceIdHigh.toString('hex') + span.traceIdLow.toString('hex'),
    spanId: span.spanId.toString('hex'),
    parentSpanId: /^0+$/.test(parent) ? '' : parent,
    name: span.operationName,
    kind: (attributes['span.kind'] ?? 'internal') as ReceivedSpan['kind'],
    attributes,
    events: (span.logs ?? []).map((log) => ({
      name: (tagsOf(log.fields).event ?? '') as string,
      timeMs: microseconds(log.timestamp),
    })),
    startMs,
    endMs: startMs + microseconds(span.duration),
    failed: attributes.error === true,
    statusMessage: attributes['otel.status_description'] as string | undefined,
  };
}

function microseconds(bytes: Buffer): number {
  return Number(bytes.readBigInt64BE()) / 1000;
}

/** By the tag's own type: fields that were not set are filled with zero values. */
function tagsOf(tags: readonly JaegerTag[] = []): Record<string, unknown> {
  return Object.fromEntries(tags.map((tag) => [tag.key, tagValue(tag)]));
}

function tagValue(tag: JaegerTag): unknown {
  switch (tag.vType) {
    case 'STRING':
      return tag.vStr;
    case 'BOOL':
      return tag.vBool;
    case 'DOUBLE':
      return tag.vDouble;
    case 'LONG':
      return tag.vLong && Number(tag.vLong.readBigInt64BE());
    default:
      return undefined;
  }
}
