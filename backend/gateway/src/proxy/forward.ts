import { Failure } from '@clearway/kernel';
import type { Exchange } from '../pipeline/exchange.ts';
import { Forwarding } from './forwarding.ts';

/** Sends the request to its upstream and its answer to the client. */
export function forward(exchange: Exchange): void {
  const { route, runtime } = exchange;
  const upstream = route && runtime.upstreams.get(route.configuration.upstream);
  if (!upstream) throw new Failure('internal', { message: 'the route has no upstream' });
  const forwarding = new Forwarding(exchange, upstream);
  exchange.running = forwarding;
  forwarding.attempt();
}
