import { SeverityNumber, type AnyValueMap, type Logger } from '@opentelemetry/api-logs';
import { ExportResultCode } from '@opentelemetry/core';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import type { Resource } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider, type LogRecordExporter } from '@opentelemetry/sdk-logs';
import { standardVariables } from '../config/standard-variables.ts';
import type { QueueStats } from '../tracing/options.ts';
import { contextOf, lineOf, type LogInfo } from './format.ts';

const QUEUE_SIZE = 4096;
const EXPORT_TIMEOUT_MS = 5000;
/** Stand in the record itself, in its resource, or in its trace context. */
const NOT_ATTRIBUTES = new Set(['timestamp', 'level', 'message', 'service', 'trace_id', 'span_id']);
const SEVERITIES: Record<string, SeverityNumber> = {
  error: SeverityNumber.ERROR,
  warn: SeverityNumber.WARN,
  info: SeverityNumber.INFO,
  debug: SeverityNumber.DEBUG,
};

/** Where log records go. */
export interface OtlpLogsOptions {
  /** Full address, such as `http://127.0.0.1:8002/v1/logs`; undefined leaves it to the standard variables. */
  readonly url?: string | undefined;
  /** The same as that of the spans. */
  readonly resource: Resource;
}

/** Application log lines as OTLP log records. */
export interface OtlpLogs {
  emit(info: LogInfo): void;
  stats(): QueueStats;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

/** Sends log lines by OTLP, so that a trace can be shown together with what was logged within it. Bounded and counted. */
export function createOtlpLogs({ url, resource }: OtlpLogsOptions): OtlpLogs {
  const counts = { queued: 0, exported: 0, dropped: 0, exportFailures: 0 };
  const timeoutMillis = Math.min(standardVariables().otlpTimeoutMs ?? Infinity, EXPORT_TIMEOUT_MS);
  const exporter = counting(new OTLPLogExporter({ ...(url !== undefined && { url }), timeoutMillis }), counts);
  const provider = new LoggerProvider({
    resource,
    processors: [
      new BatchLogRecordProcessor({
        exporter,
        maxQueueSize: QUEUE_SIZE,
        scheduledDelayMillis: 1000,
        exportTimeoutMillis: EXPORT_TIMEOUT_MS + 1000,
      }),
    ],
  });
  const logger = provider.getLogger('@clearway/telemetry');
  return {
    emit: (info) => {
      if (counts.queued >= QUEUE_SIZE) {
        counts.dropped++;
        return;
      }
      counts.queued++;
      emitLine(logger, info);
    },
    stats: () => ({ ...counts }),
    forceFlush: () => provider.forceFlush(),
    shutdown: () => provider.shutdown(),
  };
}

function emitLine(logger: Logger, info: LogInfo): void {
  const line = lineOf(info);
  const attributes = Object.entries(line).filter(([name, value]) => !NOT_ATTRIBUTES.has(name) && value !== undefined);
  logger.emit({
    body: String(line.message),
    severityText: info.level,
    severityNumber: SEVERITIES[info.level] ?? SeverityNumber.UNSPECIFIED,
    attributes: Object.fromEntries(attributes) as AnyValueMap,
    timestamp: new Date(String(line.timestamp)),
    context: contextOf(info),
  });
}

/** The batch processor drops silently and swallows failures: each export's outcome is counted here. */
function counting(
  exporter: LogRecordExporter,
  counts: { -readonly [K in keyof QueueStats]: number },
): LogRecordExporter {
  return {
    export: (records, done) => {
      let settled = false;
      const settle = (result: Parameters<typeof done>[0]): void => {
        if (settled) return;
        settled = true;
        clearTimeout(timer);
        counts.queued -= records.length;
        if (result.code === ExportResultCode.SUCCESS) counts.exported += records.length;
        else {
          counts.dropped += records.length;
          counts.exportFailures++;
        }
        done(result);
      };
      const timer = setTimeout(() => settle({ code: ExportResultCode.FAILED }), EXPORT_TIMEOUT_MS + 500).unref();
      exporter.export(records, settle);
    },
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
  };
}
