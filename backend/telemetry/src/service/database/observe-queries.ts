import { context, SpanKind, SpanStatusCode, trace, type Span } from '@opentelemetry/api';
import { maskLiterals } from '@clearway/kernel';
import { scrub } from '../../redaction/scrub.ts';
import { queryTags, sqlComment } from './sql-comment.ts';

/** What is used of a connection of `pg`. */
export interface QueryClient {
  query(...args: unknown[]): unknown;
}

interface QueryConfig {
  readonly text: string;
  readonly name?: string;
}

type Callback = (error: Error | null | undefined, result: unknown) => void;

const TRACER = '@clearway/telemetry';
const observed = new WeakSet<QueryClient>();

/**
 * Gives every query of a connection a span, and a comment that tells who issues it. Prepared statements keep their text,
 * since the server knows them by it; cursors and streams are left alone.
 */
export function observeQueries(client: QueryClient): void {
  if (observed.has(client)) return;
  observed.add(client);
  const query = client.query.bind(client);
  client.query = (...args: unknown[]): unknown => {
    const text = textOf(args[0]);
    if (text === undefined) return query(...args);
    const span = startSpan(text);
    return context.with(trace.setSpan(context.active(), span), () => {
      const call = [withComment(args[0], text), ...args.slice(1)];
      return ended(span, call, query);
    });
  };
}

/** Undefined for what is no text: it sends itself. */
function textOf(query: unknown): string | undefined {
  if (typeof query === 'string') return query;
  const { text, submit } = (query ?? {}) as { text?: unknown; submit?: unknown };
  return typeof text === 'string' && submit === undefined ? text : undefined;
}

function startSpan(text: string): Span {
  const operation = /^\s*(?:\/\*.*?\*\/\s*)?([a-z]+)/i.exec(text)?.[1]?.toUpperCase() ?? 'QUERY';
  return trace.getTracer(TRACER).startSpan(operation, {
    kind: SpanKind.CLIENT,
    attributes: {
      'db.system.name': 'postgresql',
      'db.operation.name': operation,
      'db.query.text': maskLiterals(text),
    },
  });
}

/** The comment names the query's own span, so that a session leads to it. */
function withComment(query: unknown, text: string): unknown {
  const comment = text.includes('/*') ? '' : sqlComment(queryTags());
  if (comment === '') return query;
  const commented = `${text.replace(/;\s*$/, '')} ${comment}`;
  if (typeof query === 'string') return commented;
  return (query as QueryConfig).name === undefined ? { ...(query as QueryConfig), text: commented } : query;
}

/** Ends the span when the answer comes, by callback or by promise. */
function ended(span: Span, args: readonly unknown[], query: QueryClient['query']): unknown {
  const callback = args.at(-1);
  if (typeof callback === 'function') {
    const outer = context.active();
    const observing: Callback = (error, result) => {
      end(span, error);
      context.with(outer, () => (callback as Callback)(error, result));
    };
    return query(...args.slice(0, -1), observing);
  }
  const answer = query(...args) as Promise<unknown> | undefined;
  answer?.then(
    () => end(span, undefined),
    (error: unknown) => end(span, error),
  );
  return answer;
}

function end(span: Span, error: unknown): void {
  if (error !== undefined && error !== null) {
    const { code, message = 'failed' } = error as { code?: string; message?: string };
    span.setAttribute('error.type', code ?? 'error');
    if (code !== undefined) span.setAttribute('db.response.status_code', code);
    span.setStatus({ code: SpanStatusCode.ERROR, message: scrub(message) });
  }
  span.end();
}
