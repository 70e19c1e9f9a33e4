import type { Writable } from 'node:stream';
import type { Resource } from '@opentelemetry/resources';
import { createLogger as createWinston, type Logger } from 'winston';
import type { QueueStats } from '../tracing/options.ts';
import { within } from '../within.ts';
import { lineFormat, type Layout } from './format.ts';
import { jsonLines, type JsonLines } from './json-lines.ts';
import { LineTransport } from './line-transport.ts';
import { DEFAULT_MAX_BYTES, LineWriter } from './line-writer.ts';
import { createOtlpLogs, type OtlpLogs } from './otlp-logs.ts';
import { renderJson, renderPretty } from './render.ts';

/** Levels in the order of their weight. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;

/** One of `LOG_LEVELS`. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** How a process logs. */
export interface LoggerOptions {
  readonly service: string;
  readonly level?: LogLevel | undefined;
  /** True: one line for a person; false: JSON; `auto` (the default): pretty on a terminal. */
  readonly pretty?: boolean | 'auto' | undefined;
  /** Default stdout. */
  readonly stream?: Writable | undefined;
  /** Bytes of lines that are held while the stream is stalled. Default 8 MiB. */
  readonly maxBytes?: number | undefined;
  /** Also send lines as OTLP log records; `url` undefined leaves the address to the standard variables. */
  readonly otlp?: { readonly url?: string | undefined; readonly resource: Resource } | undefined;
}

/** Logging as a process uses it. */
export interface Logs {
  readonly logger: Logger;
  readonly level: LogLevel;
  /** For lines that are JSON already; undefined in the pretty layout. */
  readonly jsonLines: JsonLines | undefined;
  /** Takes effect for the next line. */
  setLevel(level: LogLevel): void;
  /** Lines and OTLP records together. */
  stats(): QueueStats;
  /** Writes and sends what waits, within `limitMs`; never rejects. */
  close(limitMs: number): Promise<void>;
}

/**
 * Makes the logger. It never blocks and never throws: when its stream stalls, lines are dropped and counted.
 *
 * @example
 * const logs = createLogger({ service: 'worker', level: 'info' });
 * logs.logger.info('migrated', { duration_ms: 12 });
 */
export function createLogger(options: LoggerOptions): Logs {
  const stream = options.stream ?? process.stdout;
  const layout = layoutFor(options.pretty ?? 'auto', stream);
  const colours = layout === 'pretty' && isTerminal(stream);
  const gap = (dropped: number): string => gapLine(options.service, layout, dropped);
  const writer = new LineWriter(stream, options.maxBytes ?? DEFAULT_MAX_BYTES, gap);
  const otlp = options.otlp && createOtlpLogs(options.otlp);
  const transport = new LineTransport(writer, otlp);
  const logger: Logger = createWinston({
    level: options.level ?? 'info',
    format: lineFormat({
      service: options.service,
      layout,
      colours,
      isEnabled: (level) => logger.isLevelEnabled(level),
    }),
    transports: [transport],
  });
  return {
    logger,
    jsonLines: layout === 'json' ? jsonLines(options.service, logger, transport, writer) : undefined,
    get level() {
      return logger.level as LogLevel;
    },
    setLevel: (level) => {
      logger.level = level;
    },
    stats: () => sumOf(writer, otlp),
    close: async (limitMs) => {
      await Promise.all([writer.close(limitMs), otlp && within(limitMs, otlp.shutdown())]);
    },
  };
}

function layoutFor(pretty: boolean | 'auto', stream: Writable): Layout {
  return (pretty === 'auto' ? isTerminal(stream) : pretty) ? 'pretty' : 'json';
}

function isTerminal(stream: Writable): boolean {
  return (stream as Writable & { isTTY?: boolean }).isTTY === true;
}

function gapLine(service: string, layout: Layout, dropped: number): string {
  const render = layout === 'json' ? renderJson : renderPretty(false);
  const message = 'log lines were dropped because the output stalled';
  return render({ timestamp: new Date().toISOString(), level: 'warn', message, service, dropped });
}

function sumOf(writer: LineWriter, otlp: OtlpLogs | undefined): QueueStats {
  const lines = writer.stats();
  const sent = otlp?.stats();
  return {
    queued: lines.queued + (sent?.queued ?? 0),
    exported: lines.written + (sent?.exported ?? 0),
    dropped: lines.dropped + (sent?.dropped ?? 0),
    exportFailures: sent?.exportFailures ?? 0,
  };
}
