import type { ReceivedSpan } from './received.ts';
import { spansOf } from './otlp-receiver.ts';
import { startReceiver, type Receiver } from './receiver.ts';

/** One item of an envelope, such as an event, a log or metrics. */
export interface SentryItem {
  readonly type: string;
  /** The trace header of the envelope it came in. */
  readonly envelopeTrace: { readonly trace_id?: string } | undefined;
  readonly payload: unknown;
}

/** What the tests read of an error event. */
export interface SentryEvent {
  readonly event_id: string;
  readonly level?: string;
  readonly transaction?: string;
  readonly environment?: string;
  readonly release?: string;
  readonly fingerprint?: readonly string[];
  readonly tags?: Readonly<Record<string, string>>;
  readonly user?: Readonly<Record<string, unknown>>;
  readonly contexts?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly breadcrumbs?: readonly { readonly category?: string; readonly message?: string }[];
  readonly exception?: { readonly values: readonly { readonly type: string; readonly value: string }[] };
  readonly request?: unknown;
}

/** Sentry's ingest: envelopes, and spans by OTLP. */
export interface SentryReceiver extends Receiver {
  /** What to give as `SENTRY_DSN`. */
  readonly dsn: string;
  events(): readonly SentryEvent[];
  items(type: string): readonly SentryItem[];
  spans(): readonly ReceivedSpan[];
  /** Everything that was received, as text: for asserting that something was not sent. */
  text(): string;
}

/** Starts one. */
export async function startSentryReceiver(): Promise<SentryReceiver> {
  const items: SentryItem[] = [];
  const spans: ReceivedSpan[] = [];
  const texts: string[] = [];
  const receiver = await startReceiver((delivery) => {
    if (delivery.path.includes('/otlp/')) spans.push(...spansOf(delivery));
    else items.push(...readEnvelope(delivery.body));
    texts.push(delivery.body.toString('latin1'));
  });
  const ofType = (type: string): SentryItem[] => items.filter((item) => item.type === type);
  return Object.assign(receiver, {
    dsn: receiver.url.replace('http://', 'http://publickey@') + '/42',
    events: () => ofType('event').map((item) => item.payload as SentryEvent),
    items: ofType,
    spans: () => spans,
    text: () => texts.join('\n'),
  });
}

/** Source: Sentry developer documentation, "Envelopes": a header line, then for each item a header line and a payload. */
function readEnvelope(body: Buffer): SentryItem[] {
  const items: SentryItem[] = [];
  let position = 0;
  const line = (): Buffer => {
    const end = body.indexOf(10, position);
    const bytes = body.subarray(position, end < 0 ? body.length : end);
    position += bytes.length + 1;
    return bytes;
  };
  const header = JSON.parse(line().toString()) as { trace?: { trace_id?: string } };
  while (position < body.length) {
    const itemHeader = line();
    if (itemHeader.length === 0) continue;
    const { type, length } = JSON.parse(itemHeader.toString()) as { type: string; length?: number };
    const payload = length === undefined ? line() : body.subarray(position, position + length);
    if (length !== undefined) position += length + 1;
    items.push({ type, envelopeTrace: header.trace, payload: parse(payload) });
  }
  return items;
}

function parse(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString());
  } catch {
    return payload.toString();
  }
}
