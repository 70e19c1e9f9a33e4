import type { CliContext } from '../context.ts';
import { count, safe, shorten } from '../terminal/style.ts';
import { table, type Column } from '../terminal/table.ts';
import { textOf } from './attributes.ts';
import { headline, ownerPhrase } from './headline.ts';
import { formatMs } from './milliseconds.ts';
import { treeLines } from './render-tree.ts';
import type { AttemptStory, LogStory, Story } from './story.ts';

/** The route of a request that none took. */
const NO_ROUTE = '_none';
const MAX_STATEMENTS = 20;
const MAX_LOG_LINES = 50;

/** Prints the story of a request. */
export function renderStory(story: Story, context: CliContext): void {
  const { style, columns } = context;
  const failed = story.reason !== undefined || (story.status ?? 0) >= 500;
  context.out(`${style(failed ? 'red' : 'green', failed ? '✗' : '✓')} ${style('bold', headline(story))}`);
  context.out('');
  for (const line of factLines(story, context)) context.out(line);
  section('Attempts', attemptLines(story), context);
  section('Policies that waited', policyLines(story), context);
  section(`Spans (${story.tree.all.length})`, treeLines(story.tree, columns - 2, style), context);
  section('SQL', statementLines(story, columns - 2), context);
  section('Log lines', logLines(story, context), context);
  section('Errors', errorLines(story), context);
  if (story.url !== undefined) section('In Jaeger', [safe(story.url)], context);
}

function section(title: string, lines: readonly string[], context: CliContext): void {
  if (lines.length === 0) return;
  context.out('');
  context.out(context.style('bold', title));
  for (const line of lines) context.out(`  ${line}`);
}

function factLines(story: Story, { style }: CliContext): string[] {
  const { failure, reason, cause, route, routeChoice, upstream, gatewayMs, attempts, slowest, otherRequestIds } = story;
  const upstreamMs = attempts.reduce((sum, attempt) => sum + attempt.durationMs, 0);
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['reason', reason && style('red', safe(reason))],
    ['fault of', failure && ownerPhrase(failure.owner)],
    ['cause', cause && safe(cause)],
    ['what to do', failure?.remedy],
    [
      'route',
      route && (route === NO_ROUTE ? 'none' : safe(routeChoice === undefined ? route : `${route} (${routeChoice})`)),
    ],
    ['upstream', upstream && safe(upstream)],
    [
      'time in',
      gatewayMs === undefined ? undefined : `gateway ${formatMs(gatewayMs)}, upstream ${formatMs(upstreamMs)}`,
    ],
    ['longest', slowest && safe(`${slowest.name} (${slowest.service}): ${formatMs(slowest.selfMs)} by itself`)],
    ['at', story.time],
    ['trace', story.traceId],
    ['request', story.requestId && safe(story.requestId)],
    [
      'see also',
      otherRequestIds.length > 0 ? `request ${safe(otherRequestIds.join(', '))} of the same trace` : undefined,
    ],
  ];
  return facts.flatMap(([name, text]) => (text === undefined ? [] : [`  ${style('dim', name.padEnd(10))}  ${text}`]));
}

const ATTEMPT_COLUMNS: readonly Column[] = [
  { title: '#', align: 'right' },
  { title: 'TARGET' },
  { title: 'OUTCOME' },
  { title: 'CONNECTION', align: 'right' },
  { title: 'FIRST BYTE', align: 'right' },
  { title: 'BODY', align: 'right' },
  { title: 'TOTAL', align: 'right' },
];

function attemptLines({ attempts, throughGateway, failure }: Story): string[] {
  if (!throughGateway) return [];
  if (attempts.length === 0) return failure ? ['none: no upstream was asked'] : [];
  const phase = (ms: number | undefined) => (ms === undefined ? '–' : formatMs(ms));
  return table(
    ATTEMPT_COLUMNS,
    attempts.map((attempt, i) => [
      String(i + 1),
      safe(attempt.target),
      outcomeOf(attempt),
      phase(attempt.connectionMs),
      phase(attempt.firstByteMs),
      phase(attempt.bodyMs),
      formatMs(attempt.durationMs),
    ]),
  );
}

function outcomeOf({ status, reason }: AttemptStory): string {
  const parts = [status, reason !== String(status) ? reason : undefined].filter((part) => part !== undefined);
  return safe(parts.join(' ')) || 'no answer';
}

function policyLines({ policies }: Story): string[] {
  return policies.map(({ name, outcome, durationMs }) => safe(`${name}: ${outcome} after ${formatMs(durationMs)}`));
}

function statementLines({ statements }: Story, width: number): string[] {
  const lines = statements.slice(0, MAX_STATEMENTS).map(({ text, service, times, durationMs, failed }) => {
    const often = times > 1 ? `${times} × ` : '';
    const head = `${formatMs(durationMs).padStart(9)}  ${often}`;
    return shorten(
      `${head}${safe(text).replaceAll(/\s+/g, ' ')}${failed ? '  FAILED' : ''}  (${safe(service)})`,
      width,
    );
  });
  return withRest(lines, statements.length, 'statement');
}

function logLines({ logs }: Story, { style, columns }: CliContext): string[] {
  const lines = logs.slice(0, MAX_LOG_LINES).map(({ atMs, level, isError, service, message, attributes }) => {
    const text = shorten(`${safe(service)}: ${safe(message)}${detailsOf(attributes)}`, Math.max(40, columns - 20));
    return `${formatMs(atMs).padStart(9)}  ${isError ? style('red', level.padEnd(5)) : level.padEnd(5)}  ${text}`;
  });
  return withRest(lines, logs.length, 'line');
}

function detailsOf(attributes: LogStory['attributes']): string {
  const texts = Object.entries(attributes).flatMap(([key, value]) => {
    const text = textOf(value);
    return text === undefined ? [] : [`  ${safe(key)}=${safe(text)}`];
  });
  return texts.join('');
}

function errorLines({ errors }: Story): string[] {
  return errors.map(({ service, span, type, message }) => safe(`${type}: ${message}  (${service}, ${span})`));
}

/** Says how many there are beyond those shown. */
function withRest(lines: string[], total: number, noun: string): string[] {
  const rest = total - lines.length;
  return rest > 0 ? [...lines, `… ${count(rest, `more ${noun}`)}: --json has them all`] : lines;
}
