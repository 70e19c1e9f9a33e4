import { newSpanId, type AttemptRecord, type RequestRecord } from '@clearway/telemetry';
import type { Dispatcher } from 'undici';
import type { Exchange } from '../pipeline/exchange.ts';
import { forwardedPath } from '../routing/target.ts';
import type { RequestBody } from './request-body.ts';
import { upstreamHeaders } from './request-headers.ts';
import type { Target, Upstream } from './upstreams.ts';

/** Opens the record of an attempt. */
export function openAttempt(record: RequestRecord, target: Target): AttemptRecord {
  const attempt: AttemptRecord = {
    spanId: newSpanId(),
    resendCount: record.attempts.length,
    target: target.origin,
    startMs: record.elapsedMs(),
    sentMs: undefined,
    headersMs: undefined,
    endMs: undefined,
    status: undefined,
    reason: undefined,
    cause: undefined,
  };
  record.attempts.push(attempt);
  return attempt;
}

/** The request as a target is sent it. */
export function dispatchOptions(
  exchange: Exchange,
  { configuration }: Upstream,
  target: Target,
  spanId: string,
  body: RequestBody | undefined,
): Dispatcher.DispatchOptions {
  const { record, req, route } = exchange;
  const { path, query } = record;
  const upstreamPath = forwardedPath(path, route?.configuration.stripPrefix);
  return {
    method: record.method,
    path: query === '' ? upstreamPath : `${upstreamPath}?${query}`,
    headers: upstreamHeaders(req, record, {
      spanId,
      host: configuration.hostHeader === 'client' ? record.host : target.authority,
      propagate: configuration.propagate,
      isPeerTrusted: exchange.isPeerTrusted,
      peerAddress: exchange.peerAddress,
      trust: exchange.trust,
      carried: exchange.carried,
    }),
    body: body ?? null,
    // whether undici may put it behind another on one connection: never
    blocking: true,
    // else undici takes it from Host: clients could choose it, and each change would close the connection
    ...(target.serverName !== undefined && { servername: target.serverName }),
  };
}
