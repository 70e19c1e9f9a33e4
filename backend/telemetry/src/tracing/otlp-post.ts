import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { promisify } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { gzip } from 'node:zlib';
import { context, diag, ROOT_CONTEXT } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import type { convertLegacyHttpOptions } from '@opentelemetry/otlp-exporter-base/node-http';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';

/** Address, headers, certificates, compression and timeout, as the SDK's own exporter has them. */
export type OtlpHttpConfiguration = ReturnType<typeof convertLegacyHttpOptions>;

/** Sends one encoded request. Rejects with what an operator should read; `bytes` are free again when it settles. */
export type OtlpPost = (bytes: Buffer) => Promise<void>;

type RequestFunction = (url: string, options: RequestOptions) => ClientRequest;

const TOO_LATE = 'the collector did not answer in time';
const USER_AGENT = 'Clearway-OTLP-Exporter';
const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 5000;
const RETRY_FACTOR = 1.5;
const MAX_ANSWER_BYTES = 64 * 1024;
/** Source: OTLP specification, "Retryable Response Codes". */
const RETRYABLE_STATUS = new Set([429, 502, 503, 504]);
const RETRYABLE_ERRORS = new Set(
  'ECONNRESET ECONNREFUSED EPIPE ETIMEDOUT EAI_AGAIN ENOTFOUND ENETUNREACH EHOSTUNREACH'.split(' '),
);

/** A failure that may pass. */
class Retryable extends Error {
  readonly retryAfterMs: number | undefined;

  constructor(message: string, retryAfterMs?: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * Makes the function that posts to a collector: over connections that are kept, untraced, tried again as OTLP asks.
 *
 * @param timeoutMs for one request with all its tries
 * @example
 * const post = createOtlpPost(convertLegacyHttpOptions({}, 'TRACES', 'v1/traces', headers), 5000);
 */
export function createOtlpPost(configuration: OtlpHttpConfiguration, timeoutMs: number): OtlpPost {
  let ready: Promise<Connection> | undefined;
  return (bytes) =>
    context.with(suppressTracing(ROOT_CONTEXT), async () => {
      ready ??= connect(configuration);
      const connection = await ready;
      const body = configuration.compression === 'gzip' ? await promisify(gzip)(bytes) : bytes;
      await withRetries(connection, body, performance.now() + timeoutMs);
    });
}

interface Connection {
  readonly request: RequestFunction;
  readonly url: string;
  readonly options: RequestOptions;
}

/** Loaded at the first request, so that an instrumentation of `http` comes before. */
async function connect({ url, headers, agentFactory, compression }: OtlpHttpConfiguration): Promise<Connection> {
  const protocol = new URL(url).protocol;
  const { request } = protocol === 'http:' ? await import('node:http') : await import('node:https');
  const agent: Agent = await agentFactory(protocol);
  const all = {
    ...(await headers()),
    'User-Agent': USER_AGENT,
    ...(compression === 'gzip' && { 'Content-Encoding': 'gzip' }),
  };
  return { request, url, options: { method: 'POST', agent, headers: all } };
}

async function withRetries(connection: Connection, body: Buffer, deadlineMs: number): Promise<void> {
  for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(retryMs * RETRY_FACTOR, MAX_RETRY_MS)) {
    try {
      // the wait before it may have taken longer than it should
      return await attempt(connection, body, Math.max(1, deadlineMs - performance.now()));
    } catch (error) {
      if (!(error instanceof Retryable)) throw error;
      // so that many gateways do not come back at the same moment
      const waitMs = error.retryAfterMs ?? retryMs * (0.8 + Math.random() * 0.4);
      if (performance.now() + waitMs >= deadlineMs) throw error;
      await delay(waitMs, undefined, { ref: false });
    }
  }
}

function attempt(connection: Connection, body: Buffer, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const { request, url, options } = connection;
    const headers = { ...(options.headers as Record<string, string>), 'Content-Length': String(body.length) };
    const outgoing = request(url, { ...options, headers });
    const timer = setTimeout(() => outgoing.destroy(new Error(TOO_LATE)), timeoutMs).unref();
    const settle = (error: Error | undefined): void => {
      clearTimeout(timer);
      // the buffer is used again: nothing of it may be on its way still
      if (!outgoing.writableFinished) outgoing.destroy();
      if (error) reject(error);
      else resolve();
    };
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      settle(RETRYABLE_ERRORS.has(error.code ?? '') ? new Retryable(error.message || String(error.code)) : error);
    });
    outgoing.on('response', (response) => readAnswer(response, settle));
    outgoing.end(body);
  });
}

function readAnswer(response: IncomingMessage, settle: (error: Error | undefined) => void): void {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  response.on('data', (chunk: Buffer) => {
    sizeBytes += chunk.length;
    if (sizeBytes <= MAX_ANSWER_BYTES) chunks.push(chunk);
  });
  // whatever is lost of an answer: its status has come
  response.on('error', (error) => settle((response.statusCode ?? 0) <= 299 ? undefined : error));
  response.on('end', () => {
    const { statusCode = 0, statusMessage = '', headers } = response;
    if (statusCode <= 299) {
      warnOfPartialSuccess(Buffer.concat(chunks));
      settle(undefined);
      return;
    }
    const message = `the collector answered ${statusCode} ${statusMessage}`.trimEnd();
    settle(
      RETRYABLE_STATUS.has(statusCode)
        ? new Retryable(message, retryAfterMs(headers['retry-after']))
        : new Error(message),
    );
  });
}

/** Source: RFC 9110, 10.2.3: seconds or a date. */
function retryAfterMs(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const seconds = Number.parseInt(header, 10);
  const waitMs = Number.isInteger(seconds) ? seconds * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs);
}

/** Source: OTLP specification, "Partial Success": the collector took the request and left spans out. */
function warnOfPartialSuccess(answer: Buffer): void {
  if (answer.length === 0) return;
  try {
    const { partialSuccess } = ProtobufTraceSerializer.deserializeResponse(answer);
    if (partialSuccess && Object.keys(partialSuccess).length > 0) {
      diag.warn('the collector left spans out:', JSON.stringify(partialSuccess));
    }
  } catch {
    // the status said that it took them; what else it says is not for us
  }
}
