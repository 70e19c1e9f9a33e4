import { createRequire } from 'node:module';
import type { IncomingMessage, RequestOptions } from 'node:http';
import type { Attributes } from '@opentelemetry/api';
import type * as Auto from '@opentelemetry/auto-instrumentations-node';
import type { InstrumentationConfigMap } from '@opentelemetry/auto-instrumentations-node';
import type * as Prisma from '@prisma/instrumentation';
import type { Instrumentation } from '@opentelemetry/instrumentation';
import { activeRecord } from './correlation.ts';
import { redactQuery } from './http-attributes.ts';
import type { InstrumentationSet } from './options.ts';

type Configuration = InstrumentationConfigMap;

const PREFIX = '@opentelemetry/instrumentation-';

/** Every instrumentation of the package; those that a set does not want are switched off by name. */
const ALL = [
  ...['amqplib', 'aws-lambda', 'aws-sdk', 'bunyan', 'cassandra-driver', 'connect', 'cucumber', 'dataloader', 'dns'],
  ...['express', 'fs', 'generic-pool', 'graphql', 'grpc', 'hapi', 'host-metrics', 'http', 'ioredis', 'kafkajs', 'knex'],
  ...['koa', 'lru-memoizer', 'memcached', 'mongodb', 'mongoose', 'mysql2', 'mysql', 'nestjs-core', 'net', 'openai'],
  ...['oracledb', 'pg', 'pino', 'redis', 'restify', 'router', 'runtime-node', 'socket.io', 'tedious', 'undici'],
  'winston',
];

const WANTED: Record<InstrumentationSet, readonly string[]> = {
  gateway: ['ioredis', 'pg'],
  service: ['http', 'undici', 'ioredis'],
  none: [],
};

/** Probes, scrapes and telemetry itself: a receiver that traced what it receives would never come to rest. */
export const DEFAULT_IGNORED_PATHS = [
  '/livez',
  '/readyz',
  '/startupz',
  '/metrics',
  '/v1/traces',
  '/v1/logs',
  '/v1/metrics',
] as const;

/** What the HTTP instrumentations must not trace. */
export interface Ignored {
  /** `host` or `host:port` of the error tracker and of the collector. */
  readonly hosts: ReadonlySet<string>;
  /** Paths as they are, or `/path/*` for all below one. */
  readonly paths: ReadonlySet<string>;
}

/**
 * The instrumentations of a set. The package is loaded only here, since loading it takes half a second.
 *
 * Prisma's own spans stand for its SQL: with `pg` switched on as well, each query would give two spans.
 */
export function createInstrumentations(set: InstrumentationSet, ignored: Ignored): Instrumentation[] {
  if (set === 'none') return [];
  const require = createRequire(import.meta.url);
  const auto = require('@opentelemetry/auto-instrumentations-node') as typeof Auto;
  const instrumentations: Instrumentation[] = auto.getNodeAutoInstrumentations(configuration(set, ignored));
  if (set === 'service') {
    const prisma = require('@prisma/instrumentation') as typeof Prisma;
    instrumentations.push(new prisma.PrismaInstrumentation());
  }
  return instrumentations;
}

function configuration(set: InstrumentationSet, ignored: Ignored): Configuration {
  const all = Object.fromEntries(ALL.map((name) => [PREFIX + name, { enabled: WANTED[set].includes(name) }]));
  return {
    ...all,
    ...(set === 'service' && {
      '@opentelemetry/instrumentation-http': {
        enabled: true,
        ignoreIncomingRequestHook: (request: IncomingMessage) => isIgnoredPath(pathOf(request.url), ignored.paths),
        ignoreOutgoingRequestHook: (options: RequestOptions) => isForwarding() || isIgnoredHost(options, ignored.hosts),
        // the instrumentation hides the values of a few names only
        startIncomingSpanHook: (request: IncomingMessage) => queryAttribute(request.url),
        startOutgoingSpanHook: fullUrlAttribute,
      },
      '@opentelemetry/instrumentation-undici': {
        enabled: true,
        ignoreRequestHook: ({ origin }: { origin: string }) => isForwarding() || isIgnoredOrigin(origin, ignored.hosts),
        startSpanHook: ({ origin, path }: { origin: string; path: string }) => redactedUrl(origin, path),
      },
    }),
  };
}

/** A gateway that is mounted in the service makes the spans of its attempts itself, and writes their headers. */
function isForwarding(): boolean {
  const record = activeRecord();
  return record !== undefined && record.attempts.length > 0;
}

function queryAttribute(url = ''): Attributes {
  const mark = url.indexOf('?');
  return mark < 0 ? {} : { 'url.query': redactQuery(url.slice(mark + 1)) };
}

function fullUrlAttribute(options: RequestOptions): Attributes {
  const host = options.hostname ?? options.host ?? 'localhost';
  const port = options.port ? `:${options.port}` : '';
  return redactedUrl(`${options.protocol ?? 'http:'}//${host}${port}`, options.path ?? '/');
}

function redactedUrl(origin: string, path: string): Attributes {
  const mark = path.indexOf('?');
  if (mark < 0) return {};
  const query = redactQuery(path.slice(mark + 1));
  return { 'url.full': `${origin}${path.slice(0, mark)}?${query}`, 'url.query': query };
}

function pathOf(url = ''): string {
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}

function isIgnoredPath(path: string, paths: ReadonlySet<string>): boolean {
  if (paths.has(path)) return true;
  for (const ignored of paths) {
    if (ignored.endsWith('/*') && path.startsWith(ignored.slice(0, -1))) return true;
  }
  return false;
}

function isIgnoredHost(options: RequestOptions, hosts: ReadonlySet<string>): boolean {
  const host = options.hostname ?? options.host ?? '';
  return hosts.has(host) || hosts.has(`${host}:${options.port ?? (options.protocol === 'https:' ? 443 : 80)}`);
}

function isIgnoredOrigin(origin: string, hosts: ReadonlySet<string>): boolean {
  const url = URL.parse(origin);
  return (
    url !== null && isIgnoredHost({ hostname: url.hostname, port: url.port || null, protocol: url.protocol }, hosts)
  );
}
