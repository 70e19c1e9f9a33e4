import { Failure } from '@clearway/kernel';
import { sampledByRatio } from '@clearway/telemetry';
import { tooLarge } from '../proxy/request-body.ts';
import { hostName } from '../routing/host-name.ts';
import type { CompiledRoute } from '../routing/route-table.ts';
import { readTarget } from '../routing/target.ts';
import type { Exchange } from './exchange.ts';
import { answerOptions } from './hops.ts';
import type { Outcome } from './outcome.ts';

/** Splits and normalises the request target: from here on there is one path. */
export function normaliseTarget(exchange: Exchange): Outcome {
  const { req, record } = exchange;
  const url = req.url ?? '';
  // RFC 9112, 3.2.4: it asks about the server as a whole, and so does an absolute form without a path
  if (record.method === 'OPTIONS' && (url === '*' || NO_PATH.test(url))) {
    record.path = '*';
    return answerOptions(exchange);
  }
  const target = readTarget(url);
  if ('problem' in target) throw new Failure('request_invalid', { detail: `Refused: ${target.problem}.` });
  const { host } = req.headers;
  if (target.authority !== undefined && host !== undefined && plainHost(target.authority) !== plainHost(host)) {
    // RFC 9112, 3.2.2 lets the target win; who decides by Host and who by the target would see different requests
    throw new Failure('request_invalid', { detail: 'Refused: the request target and the field Host differ.' });
  }
  record.path = target.path;
  record.query = target.query;
}

const NO_PATH = /^https?:\/\/[^/?#]+$/i;

/** A host as two of them are compared: the port of plain HTTP says nothing (RFC 9110, 4.2.3). */
function plainHost(host: string): string {
  return host.toLowerCase().replace(/:(?:80)?$/, '');
}

/** Finds the route. */
export function chooseRoute(exchange: Exchange): void {
  const { req, record, runtime } = exchange;
  const host = hostName(record.host);
  const { path, query, method } = record;
  const match = runtime.table.match({ method, host, path, query, headers: req.headers });
  if (!('route' in match)) {
    const allow = match.reason === 'method_not_allowed' ? { headers: { allow: match.allow.join(', ') } } : {};
    throw new Failure(match.reason, allow);
  }
  const { configuration, pattern } = match.route;
  exchange.route = match.route;
  record.route = configuration.id;
  record.routePattern = pattern.text;
  record.routeChoice = routeChoice(match.route);
  record.upstream = configuration.upstream;
  record.latencyObjectiveMs = configuration.slo?.latency?.p95Ms;
  record.slowAfterMs = configuration.tracing.slowMs ?? runtime.configuration.tracing.slowMs ?? DEFAULT_SLOW_MS;
}

/** A trace of an interactive request that took longer is worth keeping. */
const DEFAULT_SLOW_MS = 1000;

const choices = new WeakMap<CompiledRoute, string>();

/** Why a route was chosen, in a few words; the same for all its requests. */
function routeChoice(route: CompiledRoute): string {
  let choice = choices.get(route);
  if (choice === undefined) {
    const { host, path, methods } = route.configuration.match;
    const conditions = [
      ...route.headers.map(([name]) => `header ${name}`),
      ...route.query.map(([name]) => `query ${name}`),
    ];
    choice = [host ?? 'any host', path, methods?.join('|') ?? 'any method', ...conditions].join(', ');
    choices.set(route, choice);
  }
  return choice;
}

/** Decides by the route's ratio, unless the caller decided: the traces of one id are kept or dropped everywhere alike. */
export function decideSampling({ record, route, runtime, isSamplingDecided }: Exchange): void {
  if (isSamplingDecided) return;
  const ratio = route?.configuration.tracing.sampleRatio ?? runtime.sampleRatio;
  record.sampled = sampledByRatio(record.traceId, ratio);
}

/** Refuses a body that is announced to be too large, before any of it is read. */
export function checkBodyLength(exchange: Exchange): void {
  const length = exchange.req.headers['content-length'];
  if (length === undefined) return;
  const maxBytes = maxBodyBytes(exchange);
  if (Number(length) > maxBytes) throw new Failure('body_too_large', { detail: tooLarge(maxBytes) });
}

/** Largest body that the route takes. */
export function maxBodyBytes({ route, runtime }: Exchange): number {
  return route?.configuration.policies.bodyLimit?.maxBytes ?? runtime.configuration.server.maxBodyBytes;
}
