/** A delivery was taken, except for some of its items. */
export interface PartialSuccess {
  readonly rejected: number;
  /** Why, for the sender's log. */
  readonly message: string;
}

const VARINT = 0;
const LENGTH = 2;

/**
 * `ExportTraceServiceResponse` or `ExportLogsServiceResponse` in protobuf; empty when all was taken.
 *
 * Source: OTLP 1.7, "OTLP/HTTP Response"; opentelemetry-proto, trace_service.proto and logs_service.proto.
 */
export function protobufSuccess(partial: PartialSuccess | undefined): Buffer {
  if (!partial) return Buffer.alloc(0);
  const body = Buffer.concat([tag(1, VARINT), varint(partial.rejected), ...textField(2, partial.message)]);
  return Buffer.concat([tag(1, LENGTH), varint(body.length), body]);
}

/** The same in JSON; `rejected` stands under the name of what was sent. */
export function jsonSuccess(signal: 'spans' | 'logs', partial: PartialSuccess | undefined): object {
  if (!partial) return {};
  const name = signal === 'spans' ? 'rejectedSpans' : 'rejectedLogRecords';
  return { partialSuccess: { [name]: String(partial.rejected), errorMessage: partial.message } };
}

/** `google.rpc.Status` in protobuf: what OTLP asks for in place of a problem document. */
export function protobufStatus(code: number, message: string): Buffer {
  return Buffer.concat([tag(1, VARINT), varint(code), ...textField(2, message)]);
}

function textField(field: number, text: string): Buffer[] {
  const bytes = Buffer.from(text);
  return [tag(field, LENGTH), varint(bytes.length), bytes];
}

function tag(field: number, wire: number): Buffer {
  return varint(field * 8 + wire);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}
