import {
  limitBaggage,
  newSpanId,
  newTraceId,
  readContext,
  RequestRecord,
  type RemoteContext,
} from '@clearway/telemetry';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Carried, Exchange } from './exchange.ts';
import type { Runtime } from './runtime.ts';
import type { ToldByProxies, Trust } from './trust.ts';

const REQUEST_ID = /^[\w.:+/=@-]{1,128}$/;

/** Opens the record of a request: who sent it, and to which trace it belongs. */
export function openExchange(
  req: IncomingMessage,
  res: ServerResponse,
  runtime: Runtime,
  { isExpecting, upgrade }: Pick<Exchange, 'isExpecting' | 'upgrade'>,
): Exchange {
  const peer = runtime.trusted.peerOf(req.socket);
  const { address: peerAddress, isTrusted: isPeerTrusted } = peer;
  const { headers } = req;
  const told = isPeerTrusted ? runtime.trusted.told(headers, peerAddress) : undefined;
  const clientAddress = told?.address ?? peerAddress;
  const trust = clientAddress === peerAddress ? peer.trust : runtime.trusted.ofCaller(clientAddress);
  const context = trust.traceContext || trust.sampling ? readContext(headers) : undefined;
  const local = runtime.localParent?.();
  const parent = local ?? (trust.traceContext ? context : undefined);
  const requestId = trust.requestId ? single(headers['x-request-id']) : undefined;
  const isTls = (req.socket as Partial<TLSSocket>).encrypted === true;
  const spanId = newSpanId();
  const record = new RequestRecord({
    traceId: parent?.traceId ?? newTraceId(),
    spanId,
    parentSpanId: parent?.spanId,
    traceState: parent?.traceState,
    requestId: requestId !== undefined && REQUEST_ID.test(requestId) ? requestId : newTraceId(),
    method: req.method ?? '',
    scheme: told?.scheme ?? (isTls ? 'https' : 'http'),
    host: hostOf(req, told),
    httpVersion: req.httpVersion,
    clientAddress,
    userAgent: headers['user-agent'],
  });
  const sampled = local ? local.sampled : trust.sampling ? context?.sampled : undefined;
  if (sampled !== undefined) record.sampled = sampled;
  return {
    place: -1,
    req,
    res,
    record,
    runtime,
    peerAddress,
    isPeerTrusted,
    told,
    trust,
    isSamplingDecided: sampled !== undefined,
    carried: carriedBy(headers, trust, context),
    upgrade,
    isExpecting,
    interimAnswers: 0,
    route: undefined,
    running: undefined,
  };
}

/** What is to be handed on beside the ids; most requests carry nothing. */
function carriedBy(
  headers: IncomingHttpHeaders,
  trust: Trust,
  context: RemoteContext | undefined,
): Carried | undefined {
  const isDebug = trust.sampling && context?.isDebug === true;
  const { baggage } = headers;
  if (!isDebug && baggage === undefined) return undefined;
  return { isDebug, baggage: trust.baggage && baggage !== undefined ? limitBaggage(String(baggage)) : undefined };
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? undefined : value;
}

/** The host that the client asked for. */
export function hostOf(req: IncomingMessage, told: ToldByProxies | undefined): string {
  return told?.host ?? req.headers.host ?? ABSOLUTE_FORM.exec(req.url ?? '')?.[1] ?? '';
}

/** HTTP/1.0 needs no field Host, and then only this form names one. */
const ABSOLUTE_FORM = /^https?:\/\/([^/?#]*)/i;
