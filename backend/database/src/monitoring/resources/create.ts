import type { DatabaseResources } from '@clearway/contracts';
import { hostResources } from './host.ts';
import { neonResources } from './neon.ts';
import { promqlResources } from './promql.ts';
import type { ResourceReader } from './resource-reader.ts';
import { supabaseResources } from './supabase.ts';

/**
 * The source of processor and memory figures that is configured for a database.
 *
 * @param connectionString without a configured source, that of a server on this machine makes it `host`
 * @returns undefined when nobody can tell: then they are not watched
 */
export function resourceReader(
  settings: DatabaseResources | undefined,
  connectionString: string,
): ResourceReader | undefined {
  switch (settings?.from) {
    case 'host':
      return hostResources();
    case 'supabase':
      return supabaseResources(settings);
    case 'neon':
      return neonResources(settings);
    case 'promql':
      return promqlResources(settings);
    case undefined:
      return isOnThisMachine(connectionString) ? hostResources() : undefined;
  }
}

function isOnThisMachine(connectionString: string): boolean {
  const { hostname } = new URL(connectionString);
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i.test(hostname);
}
