import { suppressTracing } from '@opentelemetry/core';
import { context, SpanKind, SpanStatusCode, trace, type Attributes, type Span } from '@opentelemetry/api';
import { scrub } from '../redaction/scrub.ts';
import { maskLiterals } from '@clearway/kernel';

const TRACER = '@clearway/telemetry';

/**
 * Runs `fn` inside an INTERNAL span, child of the active one. An error is recorded on the span and thrown on.
 *
 * @param name what is done, with few different values
 * @example
 * const cover = await withSpan('render cover', () => render(track), { 'track.id': track.id });
 */
export function withSpan<T>(name: string, fn: (span: Span) => T, attributes: Attributes = {}): T {
  return runInSpan(name, SpanKind.INTERNAL, attributes, fn);
}

/**
 * Runs a database call inside a CLIENT span; literals in the statement are replaced by `?`.
 *
 * Source: OpenTelemetry semantic conventions for database clients.
 *
 * @param operation such as `SELECT`
 * @param statement SQL text, with or without parameters
 * @example
 * await traceDatabase('SELECT', 'SELECT * FROM tracks WHERE id = 7', () => pool.query(sql));
 */
export function traceDatabase<T>(operation: string, statement: string, fn: (span: Span) => T): T {
  const attributes = {
    'db.system.name': 'postgresql',
    'db.operation.name': operation,
    'db.query.text': maskLiterals(statement),
  };
  return runInSpan(operation, SpanKind.CLIENT, attributes, fn);
}

/**
 * Runs `fn` so that nothing in it is traced: for probes and other work that no request asked for.
 *
 * @example
 * await withoutSpans(() => pool.query('SELECT 1'));
 */
export function withoutSpans<T>(fn: () => T): T {
  return context.with(suppressTracing(context.active()), fn);
}

function runInSpan<T>(name: string, kind: SpanKind, attributes: Attributes, fn: (span: Span) => T): T {
  return trace.getTracer(TRACER).startActiveSpan(name, { kind, attributes }, (span) => {
    try {
      const result = fn(span);
      if (!isPromise(result)) {
        span.end();
        return result;
      }
      return result.then(
        (value) => {
          span.end();
          return value;
        },
        (error: unknown) => endFailed(span, error),
      ) as T;
    } catch (error) {
      return endFailed(span, error);
    }
  });
}

function isPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise || typeof (value as PromiseLike<unknown> | null)?.then === 'function';
}

function endFailed(span: Span, error: unknown): never {
  const message = scrub(error instanceof Error ? error.message : String(error));
  const type = error instanceof Error ? error.name : typeof error;
  span.recordException({ name: type, message, ...(error instanceof Error && { stack: scrub(error.stack ?? '') }) });
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
  span.end();
  throw error;
}
