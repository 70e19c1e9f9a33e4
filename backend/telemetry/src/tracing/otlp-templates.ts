import { SpanKind } from '@opentelemetry/api';
import type { RequestRecord } from '../record/request-record.ts';
import { authorityOf, foldMethod, isKnownMethod } from './http-attributes.ts';
import { attribute, field, integerField } from './otlp-blocks.ts';
import { serverSpanName } from './record-spans.ts';

/** Field numbers of a Span. */
const NAME = 5;
const KIND = 6;
const ATTRIBUTES = 9;
/** Configuration decides how many routes and targets there are; the bounds hold where it does not. */
const MAX_KEYS = 1000;
const MAX_VARIANTS = 32;
const MAX_HOST_LENGTH = 255;

interface ServerTemplate {
  readonly method: string;
  readonly routePattern: string | undefined;
  readonly upstream: string | undefined;
  readonly routeChoice: string | undefined;
  readonly scheme: string;
  readonly httpVersion: string;
  readonly bytes: Buffer;
}

interface ClientTemplate {
  readonly method: string;
  readonly upstream: string | undefined;
  readonly bytes: Buffer;
}

/** What the spans of a route, or of a target, have in common: name, kind and attributes, encoded once. */
export class OtlpTemplates {
  readonly #servers = new Map<string, ServerTemplate[]>();
  readonly #clients = new Map<string, ClientTemplate[]>();
  readonly #hosts = new Map<string, Buffer>();

  server(record: RequestRecord): Buffer {
    const method = foldMethod(record.method);
    const variants = variantsOf(this.#servers, record.route);
    for (const known of variants) {
      if (
        known.method === method &&
        known.routePattern === record.routePattern &&
        known.upstream === record.upstream &&
        known.routeChoice === record.routeChoice &&
        known.scheme === record.scheme &&
        known.httpVersion === record.httpVersion
      ) {
        return known.bytes;
      }
    }
    const { routePattern, upstream, routeChoice, scheme, httpVersion } = record;
    const bytes = serverBytes(record, method);
    add(variants, { method, routePattern, upstream, routeChoice, scheme, httpVersion, bytes });
    return bytes;
  }

  client(record: RequestRecord, target: string): Buffer {
    const method = foldMethod(record.method);
    const variants = variantsOf(this.#clients, target);
    for (const known of variants) {
      if (known.method === method && known.upstream === record.upstream) return known.bytes;
    }
    const bytes = clientBytes(record, method, target);
    add(variants, { method, upstream: record.upstream, bytes });
    return bytes;
  }

  /** The attributes of a `host` header. */
  host(host: string): Buffer {
    let bytes = this.#hosts.get(host);
    if (bytes === undefined) {
      bytes = authorityBytes(host);
      if (host.length <= MAX_HOST_LENGTH) {
        if (this.#hosts.size >= MAX_KEYS) this.#hosts.clear();
        this.#hosts.set(host, bytes);
      }
    }
    return bytes;
  }
}

function variantsOf<T>(templates: Map<string, T[]>, key: string): T[] {
  let variants = templates.get(key);
  if (variants === undefined) {
    if (templates.size >= MAX_KEYS) templates.clear();
    variants = [];
    templates.set(key, variants);
  }
  return variants;
}

function add<T>(variants: T[], template: T): void {
  if (variants.length >= MAX_VARIANTS) variants.length = 0;
  variants.push(template);
}

function serverBytes(record: RequestRecord, method: string): Buffer {
  return Buffer.concat([
    field(NAME, serverSpanName(record)),
    // on the wire 0 means unspecified
    integerField(KIND, SpanKind.SERVER + 1),
    attribute(ATTRIBUTES, 'http.request.method', method),
    attribute(ATTRIBUTES, 'url.scheme', record.scheme),
    attribute(ATTRIBUTES, 'network.protocol.version', record.httpVersion),
    attribute(ATTRIBUTES, 'clearway.route', record.route),
    optional('http.route', record.routePattern),
    optional('clearway.upstream', record.upstream),
    optional('clearway.route_choice', record.routeChoice),
  ]);
}

function clientBytes(record: RequestRecord, method: string, target: string): Buffer {
  return Buffer.concat([
    field(NAME, isKnownMethod(record.method) ? record.method : 'HTTP'),
    integerField(KIND, SpanKind.CLIENT + 1),
    attribute(ATTRIBUTES, 'http.request.method', method),
    authorityBytes(target),
    optional('clearway.upstream', record.upstream),
  ]);
}

function authorityBytes(text: string): Buffer {
  const { address, port } = authorityOf(text);
  if (address === '') return Buffer.alloc(0);
  return Buffer.concat([
    attribute(ATTRIBUTES, 'server.address', address),
    port === undefined ? Buffer.alloc(0) : attribute(ATTRIBUTES, 'server.port', port),
  ]);
}

function optional(key: string, value: string | undefined): Buffer {
  return value === undefined ? Buffer.alloc(0) : attribute(ATTRIBUTES, key, value);
}
