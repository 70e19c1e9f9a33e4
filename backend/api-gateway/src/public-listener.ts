import type { Gateway } from '@clearway/gateway';
import type { Lifecycle } from '@clearway/kernel';
import { buildApp } from './app.ts';
import type { Env } from './config/env.ts';
import type { HealthSources } from './health/health-router.ts';
import { listen, type Listener } from './listener.ts';
import { answerMalformedRequests } from './malformed-requests.ts';
import type { Signals } from './signals.ts';

/** Opens the public listener; its release is the drain. */
export async function openPublicListener(
  { env, lifecycle }: { env: Env; lifecycle: Lifecycle },
  { gateway, sources, signals }: { gateway: Gateway; sources: HealthSources; signals: Signals },
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
      connectionsCheckingInterval: 5000,
      // a request without a body needs no stream that ends at once
      optimizeEmptyRequests: true,
      // refused by the pipeline instead, so that this answer too has its ids and its record
      requireHostHeader: false,
    },
  });
  listener.server.maxConnections = limits.maxConnections;
  answerMalformedRequests(listener.server, signals);
  // an expectation that is not known may be ignored (RFC 9110, 10.1.1); Node's own 417 would have no ids and no record
  listener.server.on('checkExpectation', app);
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
