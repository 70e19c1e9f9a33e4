import type { Failure } from '@clearway/kernel';
import type { RequestRecord } from '@clearway/telemetry';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CompiledRoute } from '../routing/route-table.ts';
import type { UpgradeOffer } from './attach.ts';
import type { Runtime } from './runtime.ts';
import type { ToldByProxies, Trust } from './trust.ts';

/** What a caller gave to be handed on beside the ids. */
export interface Carried {
  /** Whether the trace is to be kept whatever samplers say: told to upstreams that take B3 or Jaeger's header. */
  readonly isDebug: boolean;
  /** Within its limits; undefined when there is none or the caller is not believed. */
  readonly baggage: string | undefined;
}

/** One request on its way through the pipeline. */
export interface Exchange {
  /** Where it stands among those that are under way. */
  place: number;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly record: RequestRecord;
  /** The configuration in force when the request came: a reload does not change a request under way. */
  readonly runtime: Runtime;
  readonly peerAddress: string;
  readonly isPeerTrusted: boolean;
  /** What trusted proxies tell of the client; undefined when the peer is none. */
  readonly told: ToldByProxies | undefined;
  /** What the caller is believed and told. */
  readonly trust: Trust;
  /** Whether the caller decided if the trace is sampled, and may. */
  readonly isSamplingDecided: boolean;
  readonly carried: Carried | undefined;
  /** Set when the client asks for another protocol that its route allows. */
  readonly upgrade: UpgradeOffer | undefined;
  /** Whether the client waits to be told that it may send its body. */
  isExpecting: boolean;
  /** How many answers before the final one were passed on. */
  interimAnswers: number;
  route: CompiledRoute | undefined;
  /**
   * What is still running, to be cancelled when the client's side is over before the answer was. An object: a closure
   * that is hardly ever called kept each exchange alive past V8's young generation, which doubled the cost of its
   * garbage collection.
   */
  running: { cancel(failure: Failure): void } | undefined;
}
