import type { RecentRecord } from '@clearway/contracts';
import { callerOf, type CompiledRoute, type GatewayConfiguration } from '@clearway/gateway/configuration';
import type { FailureReason } from '@clearway/kernel';

/** Why a limit would refuse a request or give it up. */
export interface LimitVerdict {
  readonly reason: FailureReason;
  /** With the figures: `5000 bytes of body, at most 1000`. */
  readonly because: string;
}

/** The limits of one configuration, asked about requests in the order in which they came. */
export class Limits {
  readonly #configuration: GatewayConfiguration;
  readonly #windows = new Map<string, { endMs: number; used: number }>();

  constructor(configuration: GatewayConfiguration) {
    this.#configuration = configuration;
  }

  /** What a limit would do to a request that a route takes; undefined when all let it pass. */
  judge(record: RecentRecord, route: CompiledRoute): LimitVerdict | undefined {
    return this.#body(record, route) ?? this.#rate(record, route) ?? this.#time(record, route);
  }

  #body({ bytesIn }: RecentRecord, { configuration }: CompiledRoute): LimitVerdict | undefined {
    const most = configuration.policies.bodyLimit?.maxBytes ?? this.#configuration.server.maxBodyBytes;
    if (bytesIn <= most) return undefined;
    return { reason: 'body_too_large', because: `${bytesIn} bytes of body, at most ${most}` };
  }

  /** Counts as the policy does: a window begins with its first request. Those before the first record are not known. */
  #rate(record: RecentRecord, { configuration }: CompiledRoute): LimitVerdict | undefined {
    const { rateLimit } = configuration.policies;
    if (rateLimit === undefined) return undefined;
    const { limit, windowSeconds, by } = rateLimit;
    // without the client's address, which only operators are told, all are not to be taken for one
    if (by === 'client-address' && record.client === undefined) return undefined;
    const key = `${configuration.id} ${by === 'route' ? '*' : callerOf(record.client ?? '')}`;
    const nowMs = Date.parse(record.time);
    let window = this.#windows.get(key);
    if (window === undefined || nowMs >= window.endMs) {
      window = { endMs: nowMs + windowSeconds * 1000, used: 0 };
      this.#windows.set(key, window);
    }
    if (++window.used <= limit) return undefined;
    return { reason: 'rate_limited', because: `request ${window.used} in ${windowSeconds} s, at most ${limit}` };
  }

  #time(record: RecentRecord, { configuration }: CompiledRoute): LimitVerdict | undefined {
    const timeouts = this.#configuration.upstreams[configuration.upstream]?.timeouts;
    if (timeouts === undefined) return undefined;
    const { connectMs, headersMs, durationMs, kind } = record;
    const over = (reason: FailureReason, what: string, ms: number | undefined, most: number) =>
      ms !== undefined && ms > most ? { reason, because: `${Math.round(ms)} ms ${what}, at most ${most}` } : undefined;
    return (
      over('connect_timeout', 'to a connection', connectMs, timeouts.connectMs) ??
      over('headers_timeout', 'to the headers', headersMs, timeouts.headersMs) ??
      (kind === 'exchange' || kind === undefined
        ? over('total_timeout', 'in all', durationMs, timeouts.totalMs)
        : undefined)
    );
  }
}
