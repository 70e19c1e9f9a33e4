import { context, trace, type Context } from '@opentelemetry/api';
import { MESSAGE } from 'triple-beam';
import { isSecretName, scrub, scrubValue } from '../redaction/scrub.ts';
import { activeRecord } from '../tracing/correlation.ts';
import { renderJson, renderPretty } from './render.ts';

/** A log line as it is written: timestamp, level, message and service first, then the ids, then its own fields. */
export type LogLine = Record<string, unknown>;

/** What winston hands from the call to the transports. */
export interface LogInfo {
  level: string;
  message: unknown;
  [key: string | symbol]: unknown;
}

/**
 * A line that this package wrote, with its fields in their order and its free text scrubbed: it needs no ids, and is not
 * copied, since there is one a request.
 */
export const TRUSTED: unique symbol = Symbol('clearway.trusted');
/** Where the finished line stands on the info. */
export const LINE: unique symbol = Symbol('clearway.line');
/** The context in which the line was written: the transports run later, in another one. */
export const CONTEXT: unique symbol = Symbol('clearway.context');

/** How lines are written. */
export type Layout = 'json' | 'pretty';

/** What the format has to know. */
export interface FormatOptions {
  readonly service: string;
  readonly layout: Layout;
  readonly colours: boolean;
  /** Winston formats before it looks at the level: lines that nobody wants are dropped here, before they cost. */
  readonly isEnabled: (level: string) => boolean;
}

/**
 * The one format: adds time, service and the ids of the request that is being served, hides secrets, and renders the
 * text. One function on one object costs a third of winston's combined formats.
 */
export function lineFormat(options: FormatOptions) {
  const render = options.layout === 'json' ? renderJson : renderPretty(options.colours);
  return {
    transform(info: LogInfo): LogInfo | false {
      if (!options.isEnabled(info.level)) return false;
      const trusted = info[TRUSTED] as LogLine | undefined;
      if (trusted) trusted.service = options.service;
      const line = trusted ?? callersLine(info, options.service);
      info[LINE] = line;
      if (!trusted) info[CONTEXT] = context.active();
      info[MESSAGE] = render(line);
      return info;
    },
  };
}

/** The line of a finished info. */
export function lineOf(info: LogInfo): LogLine {
  return info[LINE] as LogLine;
}

/** The context of a finished info. */
export function contextOf(info: LogInfo): Context {
  return info[CONTEXT] as Context;
}

function callersLine(info: LogInfo, service: string): LogLine {
  const line: LogLine = { timestamp: new Date().toISOString(), level: info.level, message: messageOf(info), service };
  addIds(line);
  for (const key of Object.keys(info)) {
    if (key === 'level' || key === 'message') continue;
    // a field that would hide one of ours keeps its value under a name of its own
    const name = key in line ? `field_${key}` : key;
    line[name] = isSecretName(key) ? '[hidden]' : scrubValue(info[key]);
  }
  // logger.error(error): winston makes the error itself the info
  const error: unknown = info instanceof Error ? info : info.message;
  if (error instanceof Error) line.error = scrub(error.stack ?? error.message);
  return line;
}

function messageOf({ message }: LogInfo): string {
  if (typeof message === 'string') return scrub(message);
  if (message instanceof Error) return scrub(message.message);
  return renderJson(scrubValue(message) as LogLine);
}

/** The ids of the request, and of the span within it that is active now. */
function addIds(line: LogLine): void {
  const active = context.active();
  const span = trace.getSpanContext(active);
  if (span) {
    line.trace_id = span.traceId;
    line.span_id = span.spanId;
  }
  const record = activeRecord();
  if (!record) return;
  line.trace_id ??= record.traceId;
  line.span_id ??= record.spanId;
  line.request_id = record.requestId;
  if (record.route !== '_none') line.route = record.route;
}
