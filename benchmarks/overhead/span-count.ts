const LENGTH_DELIMITED = 2;

/**
 * Counts the spans of an OTLP export without decoding them: the receiver must not cost the machine what is measured.
 *
 * Source: opentelemetry-proto, `ExportTraceServiceRequest.resource_spans` (1), `ResourceSpans.scope_spans` (2),
 * `ScopeSpans.spans` (2); protobuf's encoding.
 *
 * @throws RangeError when the message breaks off
 */
export function countSpans(message: Uint8Array): number {
  let count = 0;
  eachField(message, 0, message.length, 1, (resourceStart, resourceEnd) =>
    eachField(message, resourceStart, resourceEnd, 2, (scopeStart, scopeEnd) =>
      eachField(message, scopeStart, scopeEnd, 2, () => void count++),
    ),
  );
  return count;
}

/** Calls `visit` with the place of each length-delimited field of that number. */
function eachField(
  message: Uint8Array,
  from: number,
  to: number,
  wanted: number,
  visit: (start: number, end: number) => void,
): void {
  let position = from;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[position++];
      if (byte === undefined || position > to) throw new RangeError('the message breaks off');
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (position < to) {
    const tag = varint();
    const wireType = tag & 7;
    if (wireType === 0) varint();
    else {
      const length = wireType === LENGTH_DELIMITED ? varint() : wireType === 1 ? 8 : 4;
      const end = position + length;
      if (end > to) throw new RangeError('the message breaks off');
      if (wireType === LENGTH_DELIMITED && tag >>> 3 === wanted) visit(position, end);
      position = end;
    }
  }
}
