import type { ClearwayConfiguration } from '@clearway/gateway/configuration';
import type { CliContext } from '../../context.ts';
import { EXIT, type ExitCode } from '../../exit-codes.ts';
import { RefusedError, UnreachableError } from '../../operations/client.ts';
import { count } from '../../terminal/style.ts';
import { renderComparison } from './render.ts';

/** Whom a new configuration is held against, and how. */
export interface AgainstOptions {
  readonly file: string;
  /** Address of the gateway's admin listener. */
  readonly url: string;
  /** With fewer recent requests nothing is said. */
  readonly least: number;
  readonly asJson: boolean;
}

/** It cannot be told. Source: sysexits.h, EX_UNAVAILABLE. */
const EXIT_UNAVAILABLE = 69;

/** Says what a new configuration would have done to the recent requests of a running gateway. */
export async function checkAgainstRecent(
  configuration: ClearwayConfiguration,
  options: AgainstOptions,
  context: CliContext,
): Promise<ExitCode> {
  const { file, url, least, asJson } = options;
  const { askGateway } = await import('./gateway-facts.ts');
  const { compare } = await import('./compare.ts');
  const cannotTell = (why: string): ExitCode => {
    if (asJson) context.out(JSON.stringify({ file, gateway: url, problem: why }, null, 2));
    else context.error(`error: ${why}`);
    return EXIT_UNAVAILABLE;
  };
  try {
    const facts = await askGateway(url, context.variables['OPERATIONS_TOKEN']);
    const known = facts.records.length;
    if (known < least) {
      return cannotTell(
        `the gateway at ${url} knows ${count(known, 'recent request')}, too few to tell (--least ${least}): ` +
          'it remembers RECENT_RECORDS of them since it was started',
      );
    }
    const comparison = compare(facts, configuration);
    const period = { from: facts.records[0]?.time, to: facts.records.at(-1)?.time };
    if (asJson) context.out(JSON.stringify({ file, gateway: url, ...period, ...comparison }, null, 2));
    else renderComparison(comparison, { file, url, ...period }, context);
    return comparison.changes.length > 0 ? EXIT.problem : EXIT.ok;
  } catch (error) {
    if (error instanceof UnreachableError || error instanceof RefusedError) return cannotTell(error.message);
    throw error;
  }
}
