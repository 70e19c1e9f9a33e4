import type { UpstreamListener } from '@clearway/gateway';
import type { Logs } from '@clearway/telemetry';

/** Logs when the state of a target or of its name changes. */
export function logUpstreams(logger: Logs['logger']): UpstreamListener {
  return (event) => {
    if (event.kind === 'checked') {
      if (!event.hasChanged) return;
      const { upstream, target, isHealthy } = event;
      const { status, reason, cause } = event.outcome;
      if (isHealthy) logger.info('a target is healthy', { upstream, target });
      else logger.warn('a target is unhealthy', { upstream, target, status, reason, cause });
    } else if (event.kind === 'name-failed') {
      const { name, cause, addresses } = event;
      logger.warn("a target's name cannot be resolved", { name, cause, still_used: addresses });
    } else if (event.kind === 'name-moved') {
      const { name, before, addresses } = event;
      logger.info("a target's name has other addresses", { name, before, addresses });
    } else logger.info("a target's name can be resolved again", { name: event.name, addresses: event.addresses });
  };
}
