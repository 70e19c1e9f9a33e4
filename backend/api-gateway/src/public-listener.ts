import type { Gateway, GatewayConfiguration } from '@clearway/gateway';
import type { Lifecycle } from '@clearway/kernel';
import type { Logs } from '@clearway/telemetry';
import { buildApp } from './app.ts';
import type { Env } from './config/env.ts';
import { Connections } from './connections.ts';
import { drain, type DrainTimes } from './drain.ts';
import type { HealthSources } from './health/health-router.ts';
import { listen, type Listener } from './listener.ts';

const MAX_TIMER_MS = 2 ** 31 - 1;

/** Opens the public listener; its release is the drain. */
export async function openPublicListener(
  { env, lifecycle }: { env: Env; lifecycle: Lifecycle },
  { gateway, sources, logger }: { gateway: Gateway; sources: HealthSources; logger: Logs['logger'] },
): Promise<Listener> {
  const { server: limits } = gateway.configuration;
  const app = buildApp({ ...sources, gateway, tokens: env.OPERATIONS_TOKENS });
  const listener = await listen(app, {
    host: env.GATEWAY_HOST,
    port: env.GATEWAY_PORT,
    portVariable: 'GATEWAY_PORT',
    options: {
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: checkingIntervalMs(limits),
      // a request without a body needs no stream that ends at once
      optimizeEmptyRequests: true,
      // refused by the pipeline instead, so that this answer too has its ids and its record
      requireHostHeader: false,
    },
  });
  listener.server.maxConnections = limits.maxConnections;
  const connections = new Connections(listener.server);
  gateway.attach(listener.server);
  const drained = { gateway, listener, connections, readiness: sources.readiness, logger };
  // the drain keeps its own limit, which a reload may change
  lifecycle.onRelease('public listener', () => drain(drained, drainTimes(env, gateway.configuration)), MAX_TIMER_MS);
  return listener;
}

/** How often Node looks whether a request is too slow: often enough for the limits to hold to a quarter. */
function checkingIntervalMs({ headersTimeoutMs, requestTimeoutMs }: GatewayConfiguration['server']): number {
  return Math.min(5000, Math.max(50, Math.min(headersTimeoutMs, requestTimeoutMs) / 4));
}

/** What differs by deployment is in the environment, and wins. */
function drainTimes({ DRAIN_DELAY_MS, DRAIN_LIMIT_MS }: Env, { server }: GatewayConfiguration): DrainTimes {
  return { delayMs: DRAIN_DELAY_MS ?? server.drain.delayMs, limitMs: DRAIN_LIMIT_MS ?? server.drain.limitMs };
}
