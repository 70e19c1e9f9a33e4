import type { Gateway, GatewayConfiguration } from '@clearway/gateway';
import type { Lifecycle } from '@clearway/kernel';
import { buildApp } from './app.ts';
import type { Env } from './config/env.ts';
import type { HealthSources } from './health/health-router.ts';
import { listen, type Listener } from './listener.ts';

/** Opens the public listener; its release is the drain. */
export async function openPublicListener(
  { env, lifecycle }: { env: Env; lifecycle: Lifecycle },
  { gateway, sources }: { gateway: Gateway; sources: HealthSources },
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
  gateway.attach(listener.server);
  const drain = async (): Promise<void> => {
    const { delayMs, limitMs } = gateway.configuration.server.drain;
    sources.readiness.drain();
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    await listener.stopAccepting();
    await gateway.drained(limitMs);
    await listener.close();
  };
  lifecycle.onRelease('public listener', drain, limits.drain.delayMs + limits.drain.limitMs + 1000);
  return listener;
}

/** How often Node looks whether a request is too slow: often enough for the limits to hold to a quarter. */
function checkingIntervalMs({ headersTimeoutMs, requestTimeoutMs }: GatewayConfiguration['server']): number {
  return Math.min(5000, Math.max(50, Math.min(headersTimeoutMs, requestTimeoutMs) / 4));
}
