import { Failure, failureFacts } from '@clearway/kernel';
import type { ErrorContext } from '../errors/index.ts';
import { serviceTelemetry } from './telemetry.ts';

/** Queries that take longer are slow: a warning and a count. */
const SLOW_QUERY_MS = 100;

type Fields = Readonly<Record<string, unknown>>;

/** The service's logger: each line inside a request carries its ids. */
export const logger = {
  error: (message: string, fields: Fields = {}): void => void serviceTelemetry().logs.logger.error(message, fields),
  warn: (message: string, fields: Fields = {}): void => void serviceTelemetry().logs.logger.warn(message, fields),
  info: (message: string, fields: Fields = {}): void => void serviceTelemetry().logs.logger.info(message, fields),
  debug: (message: string, fields: Fields = {}): void => void serviceTelemetry().logs.logger.debug(message, fields),
};

/**
 * Times a query: over 100 ms it is logged as a warning and counted; a failure is logged, counted and thrown on.
 *
 * @param name of the query, with few different values
 * @example
 * const tracks = await monitoredQuery('tracks.list', () => prisma.track.findMany({ take: 20 }));
 */
export async function monitoredQuery<T>(name: string, fn: () => PromiseLike<T>): Promise<T> {
  const { serviceMetrics } = serviceTelemetry();
  const startMs = performance.now();
  try {
    const result = await fn();
    const durationMs = performance.now() - startMs;
    const slow = durationMs > SLOW_QUERY_MS;
    serviceMetrics.query(name, durationMs, slow ? 'slow' : 'ok');
    if (slow) logger.warn('slow query', { query: name, duration_ms: round(durationMs) });
    return result;
  } catch (error) {
    const durationMs = performance.now() - startMs;
    serviceMetrics.query(name, durationMs, 'failed');
    logger.error('query failed', { query: name, duration_ms: round(durationMs), error });
    throw error;
  }
}

/**
 * Runs an operation with log lines at its start, and at its success or failure with the time it took.
 *
 * @param name what is done
 * @param fields shown on each of the lines
 * @example
 * await loggedOperation('upload track', () => store(file), { track_id: id });
 */
export async function loggedOperation<T>(name: string, fn: () => PromiseLike<T> | T, fields: Fields = {}): Promise<T> {
  const startMs = performance.now();
  const tookMs = (): number => round(performance.now() - startMs);
  logger.info(`${name} started`, { operation: name, ...fields });
  try {
    const result = await fn();
    logger.info(`${name} succeeded`, { operation: name, ...fields, duration_ms: tookMs() });
    return result;
  } catch (error) {
    const level = isClients(error) ? 'warn' : 'error';
    logger[level](`${name} failed`, { operation: name, ...fields, duration_ms: tookMs(), error });
    throw error;
  }
}

/**
 * Records a value of the service's own: `service_<name>_sum` and `service_<name>_count`, which give totals, rates and
 * averages. Names are bounded, and so are the values of their labels; the label names of the first call stand.
 *
 * @param name lower case with underscores, with its unit last: `upload_size_bytes`
 * @example
 * trackMetric('tracks_created', 1, { format: 'flac' });
 */
export function trackMetric(name: string, value: number, labels: Readonly<Record<string, string>> = {}): void {
  serviceTelemetry().serviceMetrics.track(name, value, labels);
}

/**
 * Reports an error that was handled: a log line, a count, and an event with the tags `operation` and `feature`.
 *
 * @example
 * reportError('send invitation', error, { feature: 'playlists', playlistId });
 */
export function reportError(operation: string, error: unknown, context: ErrorContext = {}): void {
  const { errors, serviceMetrics } = serviceTelemetry();
  const { feature = 'none', ...fields } = context;
  serviceMetrics.error(operation, feature);
  logger.error(`${operation} failed`, { operation, feature, ...fields, error });
  errors.reportError(operation, error, context);
}

/**
 * Sends and writes what is queued, and stops; never rejects. The last thing that a service does.
 *
 * @param limitMs bound in milliseconds
 */
export async function shutdownTelemetry(limitMs = 5000): Promise<void> {
  await serviceTelemetry().shutdown(limitMs);
}

let drain: () => Promise<unknown> = () => Promise.resolve();

/**
 * Names what is to be done before the process ends because of an uncaught error, such as closing the server.
 *
 * @example
 * drainOnFatalError(() => lifecycle.release());
 */
export function drainOnFatalError(work: () => Promise<unknown>): void {
  drain = work;
}

/** Drains, then stops telemetry: what `register` does when the process cannot go on. */
export async function drainAndStop(limitMs: number): Promise<void> {
  try {
    await drain();
  } finally {
    await shutdownTelemetry(limitMs);
  }
}

/** Whether an error will be answered with a 4xx status: nobody has to act then. */
function isClients(error: unknown): boolean {
  if (error instanceof Failure) return failureFacts(error.reason).owner === 'client';
  const status = Number((error as { status?: unknown } | null)?.status);
  return status >= 400 && status < 500;
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
