import { readFileSync } from 'node:fs';

const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** Version of this package. */
export const VERSION = manifest.version;

/** Name of the process in traces, logs, metrics and errors, unless OTEL_SERVICE_NAME gives another. */
export const SERVICE = 'worker';
