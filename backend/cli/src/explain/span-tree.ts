import { attributesOf, SPAN_STATUS, type AttributeValue, type Span, type TracesData } from '@clearway/contracts';
import { textOf } from './attributes.ts';

/** A span among those that it caused. Times are milliseconds since the start of the trace. */
export interface SpanNode {
  readonly id: string;
  readonly parentId: string | undefined;
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  readonly service: string;
  readonly startMs: number;
  readonly durationMs: number;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly events: readonly SpanMoment[];
  readonly failed: boolean;
  readonly statusMessage: string | undefined;
  readonly children: SpanNode[];
}

/** Something that happened within a span. */
export interface SpanMoment {
  readonly name: string;
  readonly atMs: number;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

/** All spans of a trace. */
export interface SpanTree {
  /** Spans whose parent is not known here, the earliest first. */
  readonly roots: readonly SpanNode[];
  /** Every span, parents before children. */
  readonly all: readonly SpanNode[];
  /** When the first span began, in nanoseconds since 1970. */
  readonly startUnixNano: bigint;
  readonly durationMs: number;
}

const KINDS = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'] as const;

/** Orders the spans of a trace by who caused whom; siblings by time. */
export function spanTree(trace: TracesData): SpanTree {
  const spans = trace.resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = textOf(attributesOf(resource.attributes)['service.name']) ?? 'unknown';
    return scopeSpans.flatMap((scope) => scope.spans.map((span) => ({ service, span })));
  });
  const startUnixNano = spans.reduce((first, { span }) => smaller(first, BigInt(span.startTimeUnixNano)), MAX_NANO);
  const nodes = new Map(spans.map(({ service, span }) => [span.spanId, toNode(span, service, startUnixNano)]));
  const roots: SpanNode[] = [];
  for (const node of [...nodes.values()].sort((a, b) => a.startMs - b.startMs)) {
    const parent = nodes.get(node.parentId ?? '');
    if (parent === undefined || isBelow(parent, node, nodes)) roots.push(node);
    else parent.children.push(node);
  }
  const all = parentsFirst(roots);
  return { roots, all, startUnixNano, durationMs: Math.max(0, ...all.map((node) => node.startMs + node.durationMs)) };
}

const MAX_NANO = 2n ** 64n;

function smaller(a: bigint, b: bigint): bigint {
  return b < a ? b : a;
}

/** Milliseconds from one moment to another, both in nanoseconds since 1970. */
export function millisecondsBetween(from: bigint, to: bigint): number {
  return Number(to - from) / 1e6;
}

function toNode(span: Span, service: string, start: bigint): SpanNode {
  const since = (unixNano: string) => millisecondsBetween(start, BigInt(unixNano));
  const startMs = since(span.startTimeUnixNano);
  return {
    id: span.spanId,
    parentId: span.parentSpanId,
    name: span.name,
    kind: KINDS[span.kind] ?? 'internal',
    service,
    startMs,
    durationMs: Math.max(0, since(span.endTimeUnixNano) - startMs),
    attributes: attributesOf(span.attributes),
    events: (span.events ?? []).map(({ name, timeUnixNano, attributes }) => ({
      name,
      atMs: since(timeUnixNano),
      attributes: attributesOf(attributes),
    })),
    failed: span.status.code === SPAN_STATUS.error,
    statusMessage: span.status.message,
    children: [],
  };
}

/** Whether `node` is an ancestor of `other`: ids come from anybody, and may form a ring. */
function isBelow(other: SpanNode, node: SpanNode, nodes: ReadonlyMap<string, SpanNode>): boolean {
  const seen = new Set<SpanNode>();
  for (let at: SpanNode | undefined = other; at && !seen.has(at); at = nodes.get(at.parentId ?? '')) {
    if (at === node) return true;
    seen.add(at);
  }
  return false;
}

function parentsFirst(roots: readonly SpanNode[]): SpanNode[] {
  const all: SpanNode[] = [];
  const waiting = roots.toReversed();
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    all.push(node);
    waiting.push(...node.children.toReversed());
  }
  return all;
}

/** The gateway's spans, one for each request of the trace that it served. */
export function gatewaySpans(tree: SpanTree): SpanNode[] {
  return tree.all.filter((node) => node.kind === 'server' && node.attributes['clearway.route'] !== undefined);
}

/**
 * The gateway's span of a request, or undefined when the gateway took no part.
 *
 * @param requestId which request is meant; otherwise one that failed goes before the others
 */
export function gatewaySpan(tree: SpanTree, requestId?: string): SpanNode | undefined {
  const spans = gatewaySpans(tree);
  return (
    spans.find((node) => node.attributes['clearway.request_id'] === requestId) ??
    spans.find((node) => node.attributes['clearway.reason'] !== undefined) ??
    spans[0]
  );
}

/**
 * Whether nothing seems to be missing: the gateway's span is there, and each upstream that answered has sent a span of
 * its own. Spans of different processes arrive one after the other.
 */
export function looksComplete(tree: SpanTree): boolean {
  const spans = gatewaySpans(tree);
  const attempts = spans.flatMap(({ children }) => children.filter(({ kind }) => kind === 'client'));
  return spans.length > 0 && attempts.every((attempt) => attempt.failed || attempt.children.length > 0);
}
