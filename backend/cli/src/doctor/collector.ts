import type { CliContext } from '../context.ts';
import { failed, ok, skipped, warning, type Check, type Finding } from './finding.ts';
import { ask } from './http.ts';

type Variables = CliContext['variables'];

interface Receiver {
  readonly url: string;
  readonly contentType: string;
  /** A message without spans. */
  readonly body: Uint8Array<ArrayBuffer> | string;
  readonly headers: Readonly<Record<string, string>>;
}

const withoutSlash = (url: string) => url.replace(/\/+$/, '');
const otlp = (base: string, headers: Record<string, string> = {}): Receiver => ({
  url: base.endsWith('/v1/traces') ? base : `${withoutSlash(base)}/v1/traces`,
  contentType: 'application/x-protobuf',
  body: new Uint8Array(0), // an ExportTraceServiceRequest without fields
  headers,
});

const RECEIVERS: Readonly<Record<string, (variables: Variables) => Receiver>> = {
  local: (v) => otlp(v['OTEL_LOCAL_URL'] ?? 'http://127.0.0.1:8002'),
  otlp: (v) =>
    otlp(
      v['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] ?? v['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? 'http://localhost:4318',
      headerList(v['OTEL_EXPORTER_OTLP_TRACES_HEADERS'] ?? v['OTEL_EXPORTER_OTLP_HEADERS'] ?? ''),
    ),
  jaeger: (v) => ({
    url: v['OTEL_EXPORTER_JAEGER_ENDPOINT'] ?? 'http://127.0.0.1:14268/api/traces',
    contentType: 'application/vnd.apache.thrift.binary',
    body: '',
    headers: {},
  }),
  zipkin: (v) => ({
    url: v['OTEL_EXPORTER_ZIPKIN_ENDPOINT'] ?? 'http://127.0.0.1:9411/api/v2/spans',
    contentType: 'application/json',
    body: '[]',
    headers: {},
  }),
};

/** Whether the receiver of spans answers. */
export function collectorCheck(context: CliContext): Check {
  const { variables } = context;
  const exporter = variables['OTEL_EXPORTER'] ?? 'local';
  return {
    name: 'collector',
    async run(signal) {
      if (/^(?:false|0)$/.test(variables['OTEL_ENABLED'] ?? ''))
        return skipped('OTEL_ENABLED=false: nothing is traced');
      if (exporter === 'console') return ok('spans are written to the console');
      const receiver = RECEIVERS[exporter]?.(variables);
      if (!receiver)
        return failed(`OTEL_EXPORTER=${exporter} is not known`, 'use local, otlp, jaeger, zipkin or console');
      return probe(receiver, exporter, signal);
    },
  };
}

async function probe(
  { url, contentType, body, headers }: Receiver,
  exporter: string,
  signal: AbortSignal,
): Promise<Finding> {
  const reply = await ask(url, { method: 'POST', headers: { ...headers, 'content-type': contentType }, body, signal });
  const place = shown(url);
  if ('unreachable' in reply) {
    const message = `${place} (${exporter}) does not answer: ${reply.unreachable}`;
    if (exporter === 'local') return warning(message, "it is the worker: 'npm start' starts it");
    return failed(message, 'start the collector, or correct its address: until then spans are dropped');
  }
  // Jaeger has no empty message: that it reads and refuses one shows that it is there
  if (reply.status < 300 || (exporter === 'jaeger' && reply.status === 400))
    return ok(`${place} (${exporter}) takes spans`);
  const remedy =
    reply.status === 401 || reply.status === 403
      ? 'give its credentials in OTEL_EXPORTER_OTLP_HEADERS'
      : 'is it a collector? Correct its address';
  return failed(`${place} (${exporter}) answered ${reply.status}`, remedy);
}

/** `name=value,name=value`, with values escaped as in a URL (OpenTelemetry, "OTLP Exporter Configuration"). */
function headerList(text: string): Record<string, string> {
  const pairs = text.split(',').map((pair) => /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(pair));
  return Object.fromEntries(pairs.flatMap((match) => (match ? [[match[1] ?? '', unescaped(match[2] ?? '')]] : [])));
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** An address without credentials and query. */
function shown(url: string): string {
  const parsed = URL.parse(url);
  return parsed ? `${parsed.origin}${parsed.pathname}` : 'the address';
}
