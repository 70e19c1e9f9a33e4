import { integer, many, one, readMessage, type Message } from '../../../../tests/receivers/protobuf.ts';

const ID = /^(?!0+$)[0-9a-f]{16}$/;

/**
 * Everything that an ExportTraceServiceRequest says, with the defaults of absent fields filled in, so that two requests
 * are equal when they mean the same. Ids of INTERNAL spans are made while a span is, so only their form is kept.
 */
export function decodeRequest(body: Uint8Array): unknown {
  return many(readMessage(Buffer.from(body)), 1).map((bytes) => {
    const group = readMessage(bytes);
    const resource = readMessage(one(group, 1));
    return {
      resource: attributesOf(resource, 1),
      droppedAttributes: integer(resource, 2),
      schemaUrl: text(group, 3),
      scopes: many(group, 2).map((scopeBytes) => scopeSpans(readMessage(scopeBytes))),
    };
  });
}

function scopeSpans(message: Message): unknown {
  const scope = readMessage(one(message, 1));
  return {
    name: text(scope, 1),
    version: text(scope, 2),
    attributes: attributesOf(scope, 3),
    schemaUrl: text(message, 3),
    spans: many(message, 2).map((bytes) => span(readMessage(bytes))),
  };
}

function span(message: Message): unknown {
  const known = new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
  const kind = integer(message, 6);
  const spanId = hex(message, 2);
  const status = readMessage(one(message, 15));
  return {
    unknownFields: [...message.keys()].filter((number) => !known.has(number)),
    traceId: hex(message, 1),
    spanId: kind === 1n ? ID.test(spanId) : spanId,
    traceState: text(message, 3),
    parentSpanId: hex(message, 4),
    name: text(message, 5),
    kind,
    start: integer(message, 7),
    end: integer(message, 8),
    attributes: attributesOf(message, 9),
    droppedAttributes: integer(message, 10),
    events: many(message, 11)
      .map(readMessage)
      .map((event) => ({
        time: integer(event, 1),
        name: text(event, 2),
        attributes: attributesOf(event, 3),
        dropped: integer(event, 4),
      })),
    droppedEvents: integer(message, 12),
    links: many(message, 13).length,
    droppedLinks: integer(message, 14),
    status: { message: text(status, 2), code: integer(status, 3) },
    flags: integer(message, 16),
  };
}

/** Sorted, not as an object: a name that is given twice must show. */
function attributesOf(message: Message, field: number): [string, string][] {
  return many(message, field)
    .map(readMessage)
    .map((pair): [string, string] => [text(pair, 1), value(readMessage(one(pair, 2)))])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function value(message: Message): string {
  return [...message].map(([type, [content]]) => `${type}:${String(content)}`).join();
}

const text = (message: Message, field: number): string => one(message, field).toString('utf8');
const hex = (message: Message, field: number): string => one(message, field).toString('hex');
