import { attributesOf, attributeValue, type AttributeValue, type LogsData, type Trace } from '@clearway/contracts';
import { FAILURES, type FailureFacts, type FailureReason } from '@clearway/kernel';
import { numberOf, textOf } from './attributes.ts';
import { gatewaySpan, gatewaySpans, millisecondsBetween, spanTree, type SpanNode, type SpanTree } from './span-tree.ts';

/** One try to have an upstream answer; durations in milliseconds, undefined for a phase that was not reached. */
export interface AttemptStory {
  readonly target: string;
  readonly status: number | undefined;
  readonly reason: string | undefined;
  readonly cause: string | undefined;
  readonly startMs: number;
  readonly durationMs: number;
  readonly connectionMs: number | undefined;
  readonly firstByteMs: number | undefined;
  readonly bodyMs: number | undefined;
}

/** A policy that waited for something. */
export interface PolicyStory {
  readonly name: string;
  readonly outcome: string;
  readonly startMs: number;
  readonly durationMs: number;
}

/** An SQL statement, and how often and how long it ran. */
export interface StatementStory {
  readonly text: string;
  readonly service: string;
  readonly times: number;
  /** Sum over all its runs. */
  readonly durationMs: number;
  readonly failed: boolean;
}

/** A log line; `atMs` since the start of the trace. */
export interface LogStory {
  readonly atMs: number;
  readonly level: string;
  readonly isError: boolean;
  readonly service: string;
  readonly message: string;
  /** What the line says besides. */
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

/** An error that a span recorded. */
export interface ErrorStory {
  readonly service: string;
  readonly span: string;
  readonly type: string;
  readonly message: string;
}

/** All that is known of a request, as it is told. */
export interface Story {
  readonly traceId: string;
  readonly requestId: string | undefined;
  readonly time: string;
  readonly url: string | undefined;
  /** Whether the gateway served the request; otherwise a service's own span is told of. */
  readonly throughGateway: boolean;
  readonly name: string;
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly status: number | undefined;
  readonly durationMs: number;
  readonly reason: string | undefined;
  readonly failure: FailureFacts | undefined;
  readonly cause: string | undefined;
  readonly route: string | undefined;
  readonly routeChoice: string | undefined;
  readonly upstream: string | undefined;
  readonly policies: readonly PolicyStory[];
  readonly attempts: readonly AttemptStory[];
  /** Of the duration, what was not spent waiting for upstreams. */
  readonly gatewayMs: number | undefined;
  readonly statements: readonly StatementStory[];
  readonly logs: readonly LogStory[];
  readonly errors: readonly ErrorStory[];
  /** The span that took the longest by itself, without its children. */
  readonly slowest: { readonly name: string; readonly service: string; readonly selfMs: number } | undefined;
  /** Ids of further requests of the same trace that the gateway served. */
  readonly otherRequestIds: readonly string[];
  readonly tree: SpanTree;
}

/**
 * Derives the story of a request from its spans and log records.
 *
 * @param requestId which request of the trace is meant, when it has several
 * @throws Error when there are no spans
 */
export function tell(traceId: string, trace: Trace, logs: LogsData, requestId?: string): Story {
  const tree = spanTree(trace);
  const gateway = gatewaySpan(tree, requestId);
  const main = gateway ?? tree.roots[0];
  if (!main) throw new Error(`the trace ${traceId} has no spans`);
  const attempts = gateway ? gateway.children.filter((child) => child.kind === 'client').map(attemptStory) : [];
  const { attributes } = main;
  const reason = textOf(attributes['clearway.reason']) ?? (main.failed ? textOf(attributes['error.type']) : undefined);
  return {
    traceId,
    requestId: textOf(attributes['clearway.request_id']),
    time: new Date(Number(tree.startUnixNano / 1_000_000n)).toISOString(),
    url: trace.url,
    throughGateway: gateway !== undefined,
    name: main.name,
    method: textOf(attributes['http.request.method']),
    path: textOf(attributes['url.path']),
    status: numberOf(attributes['http.response.status_code']),
    durationMs: main.durationMs,
    reason,
    failure: reason !== undefined && reason in FAILURES ? FAILURES[reason as FailureReason] : undefined,
    cause: main.statusMessage ?? attempts.findLast((attempt) => attempt.cause !== undefined)?.cause,
    route: textOf(attributes['clearway.route']),
    routeChoice: textOf(attributes['clearway.route_choice']),
    upstream: textOf(attributes['clearway.upstream']),
    policies: gateway ? gateway.children.flatMap(policyStory) : [],
    attempts,
    gatewayMs: gateway && Math.max(0, gateway.durationMs - attempts.reduce((sum, a) => sum + a.durationMs, 0)),
    statements: statementStories(tree.all),
    logs: logStories(logs, tree.startUnixNano),
    errors: tree.all.flatMap(errorStories),
    slowest: slowestSpan(tree),
    otherRequestIds: gatewaySpans(tree).flatMap((span) => (span === gateway ? [] : [requestIdOf(span)])),
    tree,
  };
}

function requestIdOf({ attributes }: SpanNode): string {
  return textOf(attributes['clearway.request_id']) ?? 'unknown';
}

function attemptStory(span: SpanNode): AttemptStory {
  const { attributes, startMs, durationMs } = span;
  const sent = span.events.find(({ name }) => name === 'sent')?.atMs;
  const headers = span.events.find(({ name }) => name === 'headers')?.atMs;
  return {
    target: originOf(textOf(attributes['url.full'])) ?? span.name,
    status: numberOf(attributes['http.response.status_code']),
    reason: textOf(attributes['error.type']),
    cause: span.statusMessage,
    startMs,
    durationMs,
    connectionMs: sent === undefined ? undefined : sent - startMs,
    firstByteMs: sent === undefined || headers === undefined ? undefined : headers - sent,
    bodyMs: headers === undefined ? undefined : Math.max(0, startMs + durationMs - headers),
  };
}

function originOf(url: string | undefined): string | undefined {
  return url === undefined ? undefined : (URL.parse(url)?.origin ?? url);
}

function policyStory({ attributes, startMs, durationMs }: SpanNode): PolicyStory[] {
  const name = textOf(attributes['clearway.policy']);
  if (name === undefined) return [];
  return [{ name, outcome: textOf(attributes['clearway.policy.outcome']) ?? 'passed', startMs, durationMs }];
}

/** Statements in the order of their first run; the same one of the same service stands once. */
function statementStories(spans: readonly SpanNode[]): StatementStory[] {
  const runs = spans.filter((span) => statementOf(span) !== undefined).sort((a, b) => a.startMs - b.startMs);
  const same = Map.groupBy(runs, (span) => `${span.service}\0${statementOf(span)}`);
  return [...same.values()].flatMap((group) => {
    const first = group[0];
    if (!first) return [];
    const durationMs = group.reduce((sum, span) => sum + span.durationMs, 0);
    const failed = group.some((span) => span.failed);
    return [{ text: statementOf(first) ?? '', service: first.service, times: group.length, durationMs, failed }];
  });
}

/** What sqlcommenter puts behind a statement; it would make every statement another one. */
const SQL_COMMENT = /\s*\/\*(?:(?!\*\/).)*\*\/\s*$/s;

function statementOf({ attributes }: SpanNode): string | undefined {
  // the comment that names route and trace is for who looks at the database; here both are known
  return textOf(attributes['db.query.text'] ?? attributes['db.statement'])?.replace(SQL_COMMENT, '');
}

const SEVERITY_ERROR = 17;

function logStories({ resourceLogs }: LogsData, start: bigint): LogStory[] {
  const stories = resourceLogs.flatMap(({ resource, scopeLogs }) => {
    const service = textOf(attributesOf(resource.attributes)['service.name']) ?? 'unknown';
    return scopeLogs.flatMap(({ logRecords }) =>
      logRecords.map((record) => ({
        atMs: millisecondsBetween(start, BigInt(record.timeUnixNano)),
        level: (record.severityText ?? levelOf(record.severityNumber)).toLowerCase(),
        isError: record.severityNumber >= SEVERITY_ERROR,
        service,
        message: textOf(attributeValue(record.body)) ?? JSON.stringify(attributeValue(record.body)),
        attributes: attributesOf(record.attributes),
      })),
    );
  });
  return stories.sort((a, b) => a.atMs - b.atMs);
}

function levelOf(severityNumber: number): string {
  return ['trace', 'debug', 'info', 'warn', 'error', 'fatal'][Math.floor((severityNumber - 1) / 4)] ?? 'log';
}

function errorStories(span: SpanNode): ErrorStory[] {
  return span.events
    .filter(({ name }) => name === 'exception')
    .map(({ attributes }) => ({
      service: span.service,
      span: span.name,
      type: textOf(attributes['exception.type']) ?? 'Error',
      message: textOf(attributes['exception.message']) ?? '',
    }));
}

function slowestSpan({ all }: SpanTree): Story['slowest'] {
  const selfMs = (node: SpanNode) => Math.max(0, node.durationMs - coveredMs(node));
  const slowest = all.toSorted((a, b) => selfMs(b) - selfMs(a))[0];
  return slowest && { name: slowest.name, service: slowest.service, selfMs: selfMs(slowest) };
}

/** How much of a span's time its children cover; children that run side by side count once. */
function coveredMs({ children, startMs, durationMs }: SpanNode): number {
  let covered = 0;
  let reachedMs = startMs;
  for (const child of children) {
    const fromMs = Math.max(reachedMs, child.startMs);
    const toMs = Math.min(startMs + durationMs, child.startMs + child.durationMs);
    if (toMs > fromMs) covered += toMs - fromMs;
    reachedMs = Math.max(reachedMs, toMs);
  }
  return covered;
}
