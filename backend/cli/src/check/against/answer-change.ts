import type { RecentRecord } from '@clearway/contracts';
import type { CompiledRoute, GatewayConfiguration } from '@clearway/gateway/configuration';
import { failureFacts, type FailureReason } from '@clearway/kernel';
import type { Change } from './compare.ts';
import { Limits, type LimitVerdict } from './judge-limits.ts';
import { RecentRouter } from './route-recent.ts';

/** Failure classes that stand for what the gateway decided, so that another configuration may decide otherwise. */
const DECIDED = ['rate_limited', 'body_too_large'] as const;
type Decided = (typeof DECIDED)[number];

function isDecided(reason: string | undefined): reason is Decided {
  return (DECIDED as readonly (string | undefined)[]).includes(reason);
}

/** One of the two configurations that are compared. */
export interface Side {
  readonly configuration: GatewayConfiguration;
  readonly router: RecentRouter;
  readonly limits: Limits;
}

/** Makes a configuration ready to be asked. */
export function sideOf(configuration: GatewayConfiguration): Side {
  return { configuration, router: new RecentRouter(configuration), limits: new Limits(configuration) };
}

/** What would be different for one request. */
export type Difference = Pick<Change, 'kind' | 'from' | 'to' | 'because'>;
/** One configuration, and the route by which it takes a request. */
export type Taken = Side & { readonly route: CompiledRoute };
/** A recent request, and whether the active configuration decided on it. */
export interface Recent {
  readonly record: RecentRecord;
  readonly isOfActive: boolean;
}

/**
 * Another answer, by the limits of the two configurations. Both are asked: what a request was answered may have been
 * decided under an older one, or in a window that began before the first record, and is no difference between these two.
 */
export function answerChange({ record, isOfActive }: Recent, before: Taken, after: Taken): Difference | undefined {
  const was = before.limits.judge(record, before.route);
  const is = after.limits.judge(record, after.route);
  const from = answerText(record);
  if (is && is.reason !== was?.reason && newlyRefused(record, is)) {
    return { kind: 'answer', from, to: refusal(is.reason), because: [is.because] };
  }
  const { reason } = record;
  if (is !== undefined || !isDecided(reason)) return undefined;
  const isOther = limitSetting(reason, before) !== limitSetting(reason, after);
  const wouldBeRefused = isOfActive || was !== undefined;
  if (!isOther || !wouldBeRefused) return undefined;
  return { kind: 'answer', from, to: `route ${after.route.configuration.id}, let through`, because: [] };
}

/** What failed already would fail as before: a limit would at best give it another name. */
function newlyRefused(record: RecentRecord, { reason }: LimitVerdict): boolean {
  const failed = record.reason !== undefined && record.reason !== 'upstream_5xx';
  return failed ? isDecided(record.reason) && record.reason !== reason : true;
}

/** What refuses with a class, as text. */
function limitSetting(reason: Decided, { route, configuration }: Taken): string {
  const { rateLimit, bodyLimit } = route.configuration.policies;
  const setting = reason === 'rate_limited' ? rateLimit : (bodyLimit?.maxBytes ?? configuration.server.maxBodyBytes);
  return JSON.stringify(setting ?? null);
}

function answerText({ status, reason, route }: RecentRecord): string {
  const answered = status === 0 ? 'no answer' : `answered ${status}`;
  return `${route === '_none' ? '' : `route ${route}, `}${answered}${reason === undefined ? '' : ` ${reason}`}`;
}

/** The answer of a request that is refused. */
export function refusal(reason: FailureReason): string {
  return `${failureFacts(reason).status} ${reason}`;
}
