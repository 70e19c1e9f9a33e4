import { failureFacts } from '@clearway/kernel';
import type { CliContext } from '../context.ts';
import { safe } from '../terminal/style.ts';
import { table } from '../terminal/table.ts';
import type { Decision, Outcome } from './decide.ts';
import type { WrittenRequest } from './parse-request.ts';

/** Prints what the gateway would do with a request, and why. */
export function renderDecision(request: WrittenRequest, decision: Decision, context: CliContext): void {
  const { outcome, path, routes } = decision;
  context.out(safe(`${request.method} ${request.host}${request.target}`));
  context.out('');
  for (const line of outcomeLines(outcome, context)) context.out(`  ${line}`);
  const written = request.target.split('?')[0];
  if (path !== undefined && path !== written) {
    context.out('');
    context.out(`  The path was normalised: ${safe(written ?? '')} is matched and forwarded as ${safe(path)}.`);
  }
  if (routes.length === 0) return;
  context.out('');
  context.out('  In the order in which they are tried:');
  const rows = routes.map(({ id, taken, why }) => [
    taken ? context.style('green', '→') : ' ',
    taken ? context.style('green', id) : id,
    safe(why),
  ]);
  for (const line of table([{ title: '' }, { title: '' }, { title: '' }], rows).slice(1)) context.out(`  ${line}`);
}

function outcomeLines(outcome: Outcome, { style }: CliContext): string[] {
  switch (outcome.kind) {
    case 'route':
      return [
        `${style('green', 'taken by')} ${style('bold', outcome.route)}`,
        `forwarded as ${safe(outcome.forwarded)}`,
        `to upstream ${outcome.upstream}: ${outcome.targets.join(', ')}`,
      ];
    case 'reserved':
      return [
        `${style('green', 'answered by the gateway itself')}: the path is one of its own`,
        'No route can take it; server.healthPrefix moves these paths elsewhere.',
      ];
    case 'refused':
      return failureLines(outcome.reason, `the gateway refuses it: ${outcome.problem}`, style);
    case 'none': {
      const allowed =
        outcome.allow.length > 0
          ? `a route has this path, but takes only ${outcome.allow.join(', ')}`
          : 'no route takes it';
      return failureLines(outcome.reason, allowed, style);
    }
  }
}

function failureLines(
  reason: 'request_invalid' | 'route_not_found' | 'method_not_allowed',
  text: string,
  style: CliContext['style'],
): string[] {
  const { status, title } = failureFacts(reason);
  return [`${style('red', text)}`, `The client is answered ${status} ${reason}: ${title}.`];
}
