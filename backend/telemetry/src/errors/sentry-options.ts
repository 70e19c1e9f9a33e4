import * as Sentry from '@sentry/node';
import { scrubValue } from '../redaction/scrub.ts';
import type { ErrorsOptions } from './start.ts';

/**
 * Integrations that stay. Those for requests cost a third of a gateway's CPU and would read headers and bodies; the
 * handlers of uncaught errors would decide about the process's exit, which is the process's own.
 */
const KEPT = new Set(['EventFilters', 'FunctionToString', 'LinkedErrors', 'NodeSystemError', 'Context']);

/** The options of the SDK: nothing is collected that this package did not put there. */
export function sentryOptions(options: ErrorsOptions & { dsn: string }): Sentry.NodeOptions {
  return {
    dsn: options.dsn,
    environment: options.environment,
    ...(options.release !== undefined && { release: options.release }),
    serverName: options.serviceName,
    // OpenTelemetry owns tracing: with a rate, from SENTRY_TRACES_SAMPLE_RATE too, Sentry would make spans and trace
    // ids of its own; null keeps the SDK from reading the variable
    tracesSampleRate: null as never,
    tracePropagationTargets: [],
    enableRuntimeChannelInjection: false,
    sendClientReports: false,
    integrations: (defaults) => [
      ...defaults.filter((integration) => KEPT.has(integration.name)),
      Sentry.openTelemetryIntegration(),
    ],
    dataCollection: { userInfo: false, cookies: false, httpHeaders: false, httpBodies: [], urlQueryParams: false },
    transportOptions: { headers: { 'Content-Type': 'application/x-sentry-envelope' } },
    beforeSend: scrubEvent,
    beforeBreadcrumb: (breadcrumb) => scrubValue(breadcrumb) as Sentry.Breadcrumb,
  };
}

/** Fields whose strings are ids and names of the SDK: scrubbing them would break the event. */
const UNTOUCHED = new Set(['event_id', 'timestamp', 'sdk', 'platform', 'debug_meta', 'sdkProcessingMetadata', 'type']);

/** Removes what looks like a credential from every string of an event, and headers, cookies and bodies altogether. */
export function scrubEvent(event: Sentry.ErrorEvent): Sentry.ErrorEvent {
  for (const [key, value] of Object.entries(event)) {
    if (UNTOUCHED.has(key)) continue;
    (event as unknown as Record<string, unknown>)[key] = scrubValue(value, MAX_DEPTH);
  }
  delete event.request;
  return event;
}

/** Stack frames lie eight levels deep. */
const MAX_DEPTH = 12;
