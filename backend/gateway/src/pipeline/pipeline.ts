import { runWithRecord } from '@clearway/telemetry';
import { answerFailure, toFailure } from './answer.ts';
import type { Exchange } from './exchange.ts';
import { checkHead } from './head.ts';
import { limitHops } from './hops.ts';
import { ANSWERED, type Outcome } from './outcome.ts';
import { checkBodyLength, chooseRoute, decideSampling, normaliseTarget } from './steps.ts';
import { forward } from '../proxy/forward.ts';

/**
 * One step of the inbound path. Throws a `Failure` to refuse the request; the last step answers it, and one that answers
 * earlier says so.
 */
export interface Step {
  readonly name: string;
  /** Why it stands where it stands. */
  readonly why: string;
  run(exchange: Exchange): Outcome | Promise<Outcome>;
}

/** THE order in which a request is treated. A test holds each reason. */
export const PIPELINE: readonly Step[] = [
  {
    name: 'head',
    why: 'first: whatever is doubtful about where a request begins, ends and goes must not be decided on',
    run: checkHead,
  },
  {
    name: 'normalise',
    why: 'before every decision: they are made on the path that the upstream will see',
    run: normaliseTarget,
  },
  {
    name: 'route',
    why: 'before everything that a route configures: sampling, limits, policies',
    run: chooseRoute,
  },
  {
    name: 'sample',
    why: 'before anything that makes child spans or tells an upstream whether the trace is sampled',
    run: decideSampling,
  },
  {
    name: 'hops',
    why: 'before policies: a request that goes in a circle, or no further than here, must not use up a limit',
    run: limitHops,
  },
  {
    name: 'body-length',
    why: 'before policies that cost something: an announced body that is too large needs none of them',
    run: checkBodyLength,
  },
  {
    name: 'policies',
    why: 'last before the upstream is touched, when route and sampling are known',
    run: (exchange) => exchange.runtime.policies.run(exchange),
  },
  { name: 'forward', why: 'answers the request: nothing may stand behind it', run: forward },
];

/** Takes a request through the pipeline. Never throws: what a step throws becomes the answer. */
export function runPipeline(exchange: Exchange): void {
  runWithRecord(exchange.record, () => {
    try {
      const rest = runFrom(exchange, 0);
      rest?.catch((error: unknown) => answerFailure(exchange, toFailure(error)));
    } catch (error) {
      answerFailure(exchange, toFailure(error));
    }
  });
}

/** Runs synchronously as far as it goes: most requests never wait before they are forwarded. */
function runFrom(exchange: Exchange, start: number): Promise<void> | undefined {
  for (let i = start; i < PIPELINE.length; i++) {
    const pending = PIPELINE[i]?.run(exchange);
    if (pending === undefined) continue;
    if (pending === ANSWERED) return undefined;
    return pending.then((outcome) =>
      outcome === ANSWERED || exchange.record.ended || exchange.res.headersSent ? undefined : runFrom(exchange, i + 1),
    );
  }
  return undefined;
}
