import type { ConfigurationSchema } from '@clearway/kernel';
import { z } from 'zod';
import { isNetwork } from '../pipeline/networks.ts';
import { BALANCES } from '../proxy/load-balancing.ts';
import { parsePattern } from '../routing/pattern.ts';
import { PROPAGATED } from './propagated.ts';
import { ruleAmbiguousRoutes, ruleReservedPaths, ruleUniqueRouteIds, ruleUpstreamsExist } from './rules.ts';
import { dnsSchema, healthCheckSchema, upstreamTlsSchema } from './upstream-schema.ts';

const milliseconds = (maximum: number) => z.int().min(1).max(maximum);
const DAY_MS = 86_400_000;
const ID = /^[a-z][a-z0-9-]{0,62}$/;

const id = z
  .string()
  .regex(ID, 'must be lower-case letters, digits and dashes, starting with a letter, at most 63 characters');

const targetUrl = z.string().superRefine((text, context) => {
  const url = URL.parse(text);
  const isOrigin = url && /^https?:$/.test(url.protocol) && url.pathname === '/' && !url.search && !url.username;
  if (isOrigin) return;
  context.addIssue({
    code: 'custom',
    message: 'must be an http or https origin without path, query or credentials',
    params: { remedy: 'write it as http://host:port' },
  });
});

const pathPattern = z.string().superRefine((text, context) => {
  const parsed = parsePattern(text);
  if (!('problem' in parsed)) return;
  context.addIssue({ code: 'custom', message: parsed.problem, params: { remedy: parsed.remedy } });
});

const hostPattern = z
  .string()
  .regex(/^(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*$/, 'must be a lower-case host name without port, or *.domain');

const network = z
  .string()
  .refine(isNetwork, 'must be an address, a network in CIDR form such as 10.0.0.0/8, loopback, private or any');

const isHostPolicy = (text: string): boolean =>
  text === 'target' || text === 'client' || /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?$/.test(text);

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** RFC 9110, 7.8: a name, and perhaps a version. */
const PROTOCOL = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:\/[!#$%&'*+.^_`|~0-9A-Za-z-]+)?$/;

/** Time limits of an upstream, one for each phase of a request. */
export const timeoutsSchema = z.strictObject({
  connectMs: milliseconds(DAY_MS).default(1000).describe('From choosing the target to an open connection.'),
  headersMs: milliseconds(DAY_MS).default(10_000).describe('From sending the request to the headers of the answer.'),
  idleMs: milliseconds(DAY_MS).default(30_000).describe('Between two pieces of the answer.'),
  totalMs: milliseconds(DAY_MS).default(60_000).describe('The whole request; streams and upgrades are exempt.'),
  upgradeIdleMs: milliseconds(DAY_MS)
    .default(300_000)
    .describe('Without a byte either way on an upgraded connection, such as a WebSocket.'),
});

/** One upstream: where a service runs. */
export const upstreamSchema = z.strictObject({
  targets: z
    .array(
      z.strictObject({
        url: targetUrl.describe('Origin: http://host:port or https://host.'),
        weight: z.int().min(1).max(1000).default(1).describe('Share of the requests, for balance: weighted.'),
      }),
    )
    .min(1)
    .describe('Origins that serve the same thing.'),
  balance: z.enum(BALANCES).default('least-in-flight').describe('How a target is chosen.'),
  timeouts: timeoutsSchema.prefault({}).describe('Time limits of the phases of a request, in milliseconds.'),
  connections: z.int().min(1).max(10_000).default(256).describe('Open connections to each target, at most.'),
  keepAliveMs: milliseconds(DAY_MS)
    .default(4000)
    .describe('How long an idle connection stays open; less when the target says so. Best below its own limit.'),
  healthCheck: healthCheckSchema.optional(),
  tls: upstreamTlsSchema.optional(),
  propagate: z
    .array(z.enum(PROPAGATED))
    .refine((formats) => new Set(formats).size === formats.length, 'must not name anything twice')
    .default(['w3c', 'baggage'])
    .describe(
      'What it is told of the trace: w3c (traceparent), b3, b3multi (X-B3-*), jaeger (uber-trace-id), baggage.',
    ),
  hostHeader: z
    .string()
    .refine(isHostPolicy, 'must be target, client, or a host name such as api.internal or api.internal:8080')
    .default('target')
    .describe("The Host that the target sees: target (its own), client (the client's), or this name."),
  proxyHeaders: z
    .enum(['x-forwarded', 'forwarded', 'both'])
    .default('x-forwarded')
    .describe('How it is told of the client: X-Forwarded-*, Forwarded (RFC 7239), or both.'),
});

/** What a request must be for a route to take it. */
export const matchSchema = z.strictObject({
  host: hostPattern.optional().describe('Exact host, or *.domain for any name below it; any host when absent.'),
  path: pathPattern.describe('/exact, /with/:parameter, or /prefix/* for the prefix and everything below it.'),
  methods: z
    .array(z.string().regex(/^[A-Z][A-Z0-9_-]*$/, 'must be an upper-case method'))
    .min(1)
    .optional()
    .describe('Methods that are taken; GET includes HEAD; all when absent.'),
  headers: z
    .record(z.string().toLowerCase(), z.string())
    .optional()
    .describe("Headers that must have this value, or '*' to be present."),
  query: z
    .record(z.string(), z.string())
    .optional()
    .describe("Query parameters that must have this value, or '*' to be present."),
});

/** Limits the calls of one caller. */
export const rateLimitSchema = z.strictObject({
  limit: z.int().min(1).max(1_000_000_000).describe('Requests in one window.'),
  windowSeconds: z.int().min(1).max(86_400).default(60).describe('Length of a window, in seconds.'),
  by: z
    .enum(['client-address', 'route'])
    .default('client-address')
    .describe('What is counted together; of IPv6 addresses the first 64 bits.'),
});

/** What happens to a request between its route and its upstream. */
export const policiesSchema = z.strictObject({
  rateLimit: rateLimitSchema.optional().describe('Refuses more requests than the limit, with 429.'),
  bodyLimit: z
    .strictObject({
      maxBytes: z.int().min(0).max(Number.MAX_SAFE_INTEGER).describe('Bytes; more is refused with 413.'),
    })
    .optional()
    .describe('Largest request body of this route, instead of server.maxBodyBytes.'),
});

const tracingSchema = z.strictObject({
  sampleRatio: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe('Share of traces kept from the start; failed and slow ones always are.'),
  slowMs: milliseconds(DAY_MS).optional().describe('Requests slower than this are kept.'),
});

/** One route: which requests go where, and how. */
export const routeSchema = z.strictObject({
  id: id.describe('The label in metrics, logs and spans.'),
  match: matchSchema.describe('Which requests the route takes; all conditions must hold.'),
  upstream: id.describe('Name of an entry of upstreams.'),
  stripPrefix: z
    .string()
    .regex(/^\/[^?#*:]*[^/?#*:]$/, "must start with '/' and not end with it")
    .optional()
    .describe('Removed from the beginning of the path before it is forwarded.'),
  upgrades: z
    .array(z.string().regex(PROTOCOL, 'must be the name of a protocol, such as websocket').toLowerCase())
    .default(['websocket'])
    .describe('Protocols that a connection may be upgraded to; an offer of any other is not passed on.'),
  policies: policiesSchema.prefault({}).describe('What happens before a request is forwarded.'),
  tracing: tracingSchema.prefault({}).describe('Instead of the defaults in the section tracing.'),
  slo: z
    .strictObject({
      availability: z.number().gt(0).lt(100).optional().describe('Percent of requests without a fault of ours.'),
      latency: z
        .strictObject({ p95Ms: milliseconds(DAY_MS).describe('Milliseconds within which 95 % are answered.') })
        .optional()
        .describe('How fast the route promises to be.'),
    })
    .optional()
    .describe('Objectives of the route: counted in clearway_slo_requests_total.'),
});

/** The public listener. */
export const serverSchema = z.strictObject({
  trustProxies: z.array(network).default([]).describe('Whose X-Forwarded-* headers are believed.'),
  proxyHeaders: z
    .enum(['x-forwarded', 'forwarded'])
    .default('x-forwarded')
    .describe('What trusted proxies write: X-Forwarded-*, or Forwarded (RFC 7239). The other is never believed.'),
  trustIds: z
    .array(network)
    .default(['loopback', 'private'])
    .describe('Whose ids are believed, where none of the next five says otherwise.'),
  trustTraceContext: z
    .array(network)
    .optional()
    .describe('Whose trace is carried on: traceparent, b3, X-B3-*, uber-trace-id. Default: trustIds.'),
  trustSampling: z.array(network).optional().describe('Who decides whether a trace is sampled. Default: trustIds.'),
  trustRequestId: z.array(network).optional().describe('Whose X-Request-Id is kept. Default: trustIds.'),
  trustBaggage: z.array(network).optional().describe('Whose baggage is passed on. Default: trustIds.'),
  showTimingTo: z.array(network).optional().describe('Who is told times by Server-Timing. Default: trustIds.'),
  healthPrefix: z
    .string()
    .regex(/^(?:\/[a-z0-9_-]+)*$/, 'must be empty or a path such as /_gateway')
    .default('')
    .describe('Put before /livez, /readyz, /startupz and /api/health on the public port.'),
  maxBodyBytes: z
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .default(100 * 1024 * 1024)
    .describe('Largest request body, in bytes.'),
  maxHeaderBytes: z
    .int()
    .min(1024)
    .max(1024 * 1024)
    .default(16 * 1024)
    .describe('Largest sum of request headers, in bytes.'),
  maxHeaders: z.int().min(8).max(1000).default(100).describe('Header fields of a request, at most.'),
  maxUrlBytes: z
    .int()
    .min(64)
    .max(1024 * 1024)
    .default(8192)
    .describe('Longest request target, in bytes; maxHeaderBytes counts it too.'),
  maxPipelined: z
    .int()
    .min(1)
    .max(1000)
    .default(32)
    .describe('Requests that a client may send ahead of their answers; they are served one after the other.'),
  maxUpgrades: z.int().min(0).max(1_000_000).default(10_000).describe('Upgraded connections open at once.'),
  headersTimeoutMs: milliseconds(DAY_MS).default(15_000).describe('To receive the headers of a request.'),
  requestTimeoutMs: milliseconds(DAY_MS).default(300_000).describe('To receive a whole request.'),
  bodyIdleMs: milliseconds(DAY_MS).default(30_000).describe('Between two pieces of the body of a request.'),
  keepAliveMs: milliseconds(DAY_MS).default(65_000).describe('How long an idle client connection stays open.'),
  pseudonym: z
    .string()
    .regex(TOKEN, 'must be a token: letters, digits, and -._~ and the like')
    .optional()
    .describe('Name in Via, by which a request that comes back is known. Default: clearway- and a mark of its routes.'),
  maxConnections: z.int().min(1).max(1_000_000).default(10_000).describe('Client connections open at once.'),
  drain: z
    .strictObject({
      delayMs: z
        .int()
        .min(0)
        .max(DAY_MS)
        .default(0)
        .describe('Not ready, but still accepting: for balancers to notice.'),
      limitMs: milliseconds(DAY_MS).default(10_000).describe('For open requests to finish.'),
    })
    .prefault({})
    .describe('How the listener is closed at the end.'),
});

/** The sections of `clearway.yaml` that the gateway owns. */
export const gatewaySections = {
  server: serverSchema.prefault({}).describe('The public listener.'),
  tracing: tracingSchema.prefault({}).describe('Defaults of all routes.'),
  dns: dnsSchema.prefault({}).describe('How the names of targets are resolved.'),
  upstreams: z.record(id, upstreamSchema).default({}).describe('Where services run, by name.'),
  routes: z
    .array(routeSchema)
    .default([])
    .describe('Which requests go where. The more specific route comes first; the order in the file decides nothing.'),
};

/** The schema and the rules of the gateway's sections. */
export const gatewayConfigurationSchema = {
  sections: gatewaySections,
  rules: [ruleUniqueRouteIds, ruleUpstreamsExist, ruleReservedPaths, ruleAmbiguousRoutes],
} satisfies ConfigurationSchema<typeof gatewaySections>;

/** The gateway's configuration, validated. */
export type GatewayConfiguration = z.output<z.ZodObject<typeof gatewaySections>>;
/** One route of it. */
export type RouteConfiguration = z.output<typeof routeSchema>;
/** One upstream of it. */
export type UpstreamConfiguration = z.output<typeof upstreamSchema>;
