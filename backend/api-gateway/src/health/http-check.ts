import type { CheckConfiguration, HealthCheck } from '@clearway/kernel';
import { request } from 'undici';

/** Whether a service of the section `checks` answers with 2xx or 3xx. */
export function httpCheck({ id, url, required, timeoutMs }: CheckConfiguration): HealthCheck {
  return {
    id,
    required,
    timeoutMs,
    target: new URL(url).host,
    async probe(signal) {
      const { statusCode, body } = await request(url, { signal, headersTimeout: timeoutMs, bodyTimeout: timeoutMs });
      await body.dump({ limit: 64 * 1024, signal });
      if (statusCode >= 400) throw new Error(`answered ${statusCode}`);
    },
  };
}
