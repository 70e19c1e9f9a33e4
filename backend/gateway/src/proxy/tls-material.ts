import { ConfigurationError } from '@clearway/kernel';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { UpstreamConfiguration } from '../configuration/schema.ts';

/** What Node's TLS is given for the connections of an upstream. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized?: boolean;
}

/** The files that the TLS options of upstreams name: when one changes, its upstream is opened anew. */
export function tlsFiles(upstreams: Readonly<Record<string, UpstreamConfiguration>>): string[] {
  const named = Object.values(upstreams).flatMap(({ tls }) => [tls?.caFile, tls?.certificateFile, tls?.keyFile]);
  return named.filter((file) => file !== undefined);
}

/**
 * Reads the files of an upstream's TLS options.
 *
 * @param name the upstream's
 * @throws ConfigurationError for a file that cannot be read or used
 */
export function readTlsMaterial(name: string, { tls }: UpstreamConfiguration): TlsMaterial {
  if (!tls) return {};
  const read = (key: 'caFile' | 'certificateFile' | 'keyFile'): string | undefined => {
    const file = tls[key];
    if (file === undefined) return undefined;
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      throw refused(`upstreams.${name}.tls.${key}`, `cannot be read: ${(error as Error).message}`, file);
    }
  };
  const [ca, cert, key] = [read('caFile'), read('certificateFile'), read('keyFile')];
  if (ca !== undefined && !ca.includes('BEGIN CERTIFICATE')) {
    throw refused(`upstreams.${name}.tls.caFile`, 'holds no certificate', tls.caFile);
  }
  const material = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(!tls.verify && { rejectUnauthorized: false }),
  };
  try {
    createSecureContext(material);
  } catch (error) {
    throw refused(`upstreams.${name}.tls`, `cannot be used: ${(error as Error).message}`);
  }
  return material;
}

function refused(path: string, message: string, file = 'clearway.yaml'): ConfigurationError {
  const remedy = 'name PEM files that the process may read, and a key that belongs to its certificate';
  return new ConfigurationError([{ file, path, message, remedy }]);
}
