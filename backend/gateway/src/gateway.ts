import type { Failure } from '@clearway/kernel';
import { createRecorder, type Recorder, type RemoteContext, type RequestRecord } from '@clearway/telemetry';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { GatewayConfiguration } from './configuration/schema.ts';
import { answerFailure } from './pipeline/answer.ts';
import { openExchange } from './pipeline/arrival.ts';
import { attach, type Serve } from './pipeline/attach.ts';
import { clientGone } from './pipeline/client-gone.ts';
import type { Exchange } from './pipeline/exchange.ts';
import { claimExpectation } from './pipeline/expectations.ts';
import { isLast } from './pipeline/ignored-upgrades.ts';
import { OpenExchanges } from './pipeline/open-exchanges.ts';
import { runPipeline } from './pipeline/pipeline.ts';
import { createRuntime, type Runtime } from './pipeline/runtime.ts';
import { Turns } from './pipeline/turns.ts';
import type { PolicyResources } from './policies/policies.ts';
import { hasBody } from './proxy/request-body.ts';
import { OpenUpgrades } from './proxy/upgrades/open-upgrades.ts';
import { GOING_AWAY } from './proxy/upgrades/tunnel.ts';
import type { UpstreamListener } from './proxy/upstream-events.ts';

/** What a gateway is made of. */
export interface GatewayOptions {
  readonly configuration: GatewayConfiguration;
  /** Receives each finished record; nothing is recorded without it. */
  readonly recorder?: Recorder;
  /** Called when a request arrives, with the target of its request line; its end comes through the recorder. */
  readonly onOpen?: (record: RequestRecord, target: string) => void;
  /** Told of health checks, and of targets' names that move or cannot be resolved. */
  readonly onUpstream?: UpstreamListener;
  /** Share of traces that are sampled where the configuration does not say. */
  readonly sampleRatio?: number;
  /** The span that a request runs in when it gets here, as in an app whose HTTP is instrumented: its trace goes on. */
  readonly localParent?: () => RemoteContext | undefined;
  readonly resources?: PolicyResources;
}

/** A running gateway. */
export interface Gateway {
  /** Express middleware and plain request listener: takes every request that reaches it. */
  readonly handler: (req: IncomingMessage, res: ServerResponse) => void;
  readonly configuration: GatewayConfiguration;
  readonly runtime: Runtime;
  /** Requests that were not answered yet. */
  readonly open: Iterable<{ readonly record: RequestRecord }> & { readonly size: number };
  /** Goes over to another configuration; requests under way end under the old one. Throws and changes nothing when it cannot be carried out. */
  swap(configuration: GatewayConfiguration): void;
  /** Resolves when no request is open, or after `limitMs`; to how many were still open. */
  drained(limitMs: number): Promise<number>;
  /** Ends all open requests: with the failure's answer, or a reset where an answer is on its way. Returns how many. */
  giveUp(failure: Failure): number;
  /** The upgraded connections that are open, such as WebSockets. */
  readonly upgrades: OpenUpgrades;
  /**
   * Has a server give the gateway what is no plain request: upgrades, CONNECT, expectations, and what its parser refuses.
   * Without it an app's gateway serves plain requests only.
   *
   * @example
   * gateway.attach(express().use(gateway.handler).listen(8000));
   */
  attach(server: Server): void;
  /** Closes all connections to upstreams. */
  close(): Promise<void>;
}

/**
 * Makes a gateway.
 *
 * @example
 * const gateway = createGateway({ configuration });
 * express().use(gateway.handler).listen(8000);
 */
export function createGateway(options: GatewayOptions): Gateway {
  const recorder = options.recorder ?? createRecorder([], () => {});
  const open = new OpenExchanges();
  let whenIdle: (() => void)[] = [];
  const upgrades = new OpenUpgrades();
  const common = {
    upgrades,
    sampleRatio: options.sampleRatio ?? 1,
    resources: options.resources ?? {},
    localParent: options.localParent,
    onUpstream: options.onUpstream ?? (() => {}),
  };
  let runtime = createRuntime(options.configuration, common);
  /** Runtimes that a reload replaced and whose requests are still under way. */
  const replaced = new Set<Runtime>();

  const retire = (old: Runtime): void => {
    replaced.delete(old);
    void old.upstreams.close([runtime, ...replaced].map(({ upstreams }) => upstreams));
  };

  const onOpen = options.onOpen ?? (() => {});
  const receiving = new WeakMap<Socket, Exchange>();
  const serve: Serve = (req, res, upgrade, isExpecting = false) => {
    const exchange = openExchange(req, res, runtime, { upgrade, isExpecting });
    const { record, runtime: own } = exchange;
    open.add(exchange);
    own.openRequests++;
    if (hasBody(req)) receiving.set(req.socket, exchange);
    onOpen(record, req.url ?? '');
    // 'close' follows both the last byte and an abort: the one end of every request
    res.once('close', () => {
      if (!res.writableFinished) endUnfinished(exchange);
      recorder.emit(record);
      open.delete(exchange);
      if (--own.openRequests === 0 && replaced.has(own)) retire(own);
      if (open.size === 0) whenIdle.splice(0).forEach((resolve) => resolve());
    });
    runPipeline(exchange);
  };

  const turns = new Turns();
  const handler = (req: IncomingMessage, res: ServerResponse): void => {
    // what comes behind the last request of a connection, or from a client that has left before the app called
    if (req.socket.writableEnded || req.socket.destroyed) return;
    if (isLast(req)) res.shouldKeepAlive = false;
    const isExpecting = claimExpectation(req);
    // Node gives an answer its socket when those before it are written
    if (res.socket !== null) return serve(req, res, undefined, isExpecting);
    const { maxPipelined } = runtime.configuration.server;
    turns.wait(req, res, maxPipelined, () => serve(req, res, undefined, isExpecting));
  };

  return {
    handler,
    open,
    get configuration() {
      return runtime.configuration;
    },
    get runtime() {
      return runtime;
    },
    swap(configuration) {
      const old = runtime;
      runtime = createRuntime(configuration, { ...common, previous: old });
      // a request may need its upstream only later: after a policy, or after another target has failed
      replaced.add(old);
      if (old.openRequests === 0) retire(old);
    },
    async drained(limitMs) {
      if (open.size === 0) return 0;
      let timer: NodeJS.Timeout | undefined;
      const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, limitMs)));
      await Promise.race([new Promise<void>((resolve) => whenIdle.push(resolve)), limit]);
      clearTimeout(timer);
      whenIdle = [];
      return open.size;
    },
    giveUp(failure) {
      const abandoned = [...open];
      for (const exchange of abandoned) {
        if (exchange.running) exchange.running.cancel(failure);
        else answerFailure(exchange, failure);
      }
      return abandoned.length;
    },
    upgrades,
    attach: (server) => attach(server, { recorder, onOpen, receiving, serve, runtime: () => runtime }),
    async close() {
      await upgrades.closeAll(GOING_AWAY, { limitMs: 0 });
      await Promise.all([runtime, ...replaced].map(({ upstreams }) => upstreams.destroy()));
    },
  };
}

/** The connection is over before the answer was written; one that was upgraded has no other end. */
function endUnfinished(exchange: Exchange): void {
  const { req, record, running } = exchange;
  const failure = clientGone(req.socket);
  if (record.kind !== 'upgrade') record.fail(failure.reason, failure.message);
  running?.cancel(failure);
  if (record.status === 0) record.status = 499;
}
