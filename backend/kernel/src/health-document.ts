import type { HealthReport, HealthStatus } from './health.ts';

/** One service in a health answer. Host and error texts only for operators. */
export interface ServiceHealth {
  readonly status: 'up' | 'down';
  /** Milliseconds. */
  readonly responseTime: number;
  readonly required: boolean;
  readonly checkedAt: string;
  readonly target?: string;
  readonly error?: string;
}

/** The answer of `/api/health`. */
export interface HealthDocument {
  readonly status: HealthStatus;
  readonly timestamp: string;
  /** Seconds since the process started. */
  readonly uptime: number;
  readonly environment: string;
  readonly version: string;
  readonly services: Readonly<Record<string, ServiceHealth>>;
}

/**
 * The answer of `/api/health` and its status: 200 for healthy and degraded, 503 for unhealthy.
 *
 * @param report from the health registry
 * @param facts `showDetails` adds hosts and error texts and is for operators only
 * @example
 * const { statusCode, document } = healthDocument(await health.report(), facts);
 */
export function healthDocument(
  report: HealthReport,
  facts: { showDetails: boolean; nowMs: number; uptimeSeconds: number; environment: string; version: string },
): { statusCode: 200 | 503; document: HealthDocument } {
  const services: Record<string, ServiceHealth> = {};
  for (const [id, { status, responseTimeMs, required, checkedAtMs, target, error }] of report.results) {
    services[id] = {
      status,
      responseTime: Math.round(responseTimeMs * 10) / 10,
      required,
      checkedAt: new Date(checkedAtMs).toISOString(),
      ...(facts.showDetails && target !== undefined && { target }),
      ...(facts.showDetails && error !== undefined && { error }),
    };
  }
  const document: HealthDocument = {
    status: report.status,
    timestamp: new Date(facts.nowMs).toISOString(),
    uptime: Math.round(facts.uptimeSeconds),
    environment: facts.environment,
    version: facts.version,
    services,
  };
  return { statusCode: report.status === 'unhealthy' ? 503 : 200, document };
}
