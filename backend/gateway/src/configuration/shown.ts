import type { CheckConfiguration, LoadedConfiguration } from '@clearway/kernel';
import { isSecretName, scrub } from '@clearway/telemetry/redaction';
import { z } from 'zod';
import { gatewaySections, type GatewayConfiguration } from './schema.ts';

type Shown = GatewayConfiguration & { readonly checks: readonly CheckConfiguration[] };

const HIDDEN = '[hidden]';
const schema = z.object(gatewaySections);

/**
 * The configuration as it may be shown to whoever may look at the gateway: what came from a variable is `env:NAME` again,
 * and values of headers that are named like secrets are hidden. Only what has to have a form of its own, such as an
 * address or a host name, is shown whatever it came from: no secret has it, and the configuration stays one.
 *
 * @example
 * shownConfiguration(loadClearwayFile('clearway.yaml', process.env)).upstreams
 */
export function shownConfiguration<T extends Shown>({
  configuration,
  withoutEnvironment,
}: Pick<LoadedConfiguration<T>, 'configuration' | 'withoutEnvironment'>): T {
  const shown = hideSecrets(withoutEnvironment(configuration)) as T;
  for (const { path } of schema.safeParse(shown).error?.issues ?? []) restore(shown, configuration, path);
  return { ...shown, checks: shown.checks.map((check) => ({ ...check, url: scrub(check.url) })) };
}

function hideSecrets(value: unknown, name = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => hideSecrets(item));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, hideSecrets(item, key)]));
  }
  // '*' means that a header is there, whatever it says
  const isSecret = typeof value === 'string' && isSecretName(name) && value !== '*' && !value.startsWith('env:');
  return isSecret ? HIDDEN : value;
}

function restore(into: unknown, from: unknown, [key, ...rest]: readonly PropertyKey[]): void {
  if (key === undefined) return;
  const [place, source] = [into as Record<PropertyKey, unknown>, from as Record<PropertyKey, unknown>];
  if (rest.length === 0) place[key] = source[key];
  else restore(place[key], source[key], rest);
}
