/** Who runs a database, as far as its host tells; each has rules of its own about connection strings. */
export type Provider = 'neon' | 'supabase' | 'railway' | 'own';

/** What the host and port of a connection string tell. */
export interface ConnectionPlace {
  readonly provider: Provider;
  readonly host: string;
  readonly port: number;
  readonly database: string;
  /** A pooler that gives each transaction another session: no place for migrations, LISTEN and session locks. */
  readonly isTransactionPooler: boolean;
  readonly isLoopback: boolean;
}

/** Reads a connection string; shows no secret. */
export function placeOf(connectionString: string): ConnectionPlace {
  const url = new URL(connectionString);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port || 5432);
  const provider = providerOf(host);
  const isNeonPooler = provider === 'neon' && (host.split('.')[0] ?? '').endsWith('-pooler');
  return {
    provider,
    host,
    port,
    database: decodeURIComponent(url.pathname.slice(1)),
    isTransactionPooler: isNeonPooler || (provider === 'supabase' && port === 6543),
    isLoopback: host === 'localhost' || host === '::1' || /^127\./.test(host),
  };
}

function providerOf(host: string): Provider {
  if (/(?:^|\.)neon\.tech$/.test(host)) return 'neon';
  if (/(?:^|\.)supabase\.(?:co|com)$/.test(host)) return 'supabase';
  if (/(?:^|\.)(?:rlwy\.net|railway\.(?:app|internal))$/.test(host)) return 'railway';
  return 'own';
}

/** How to get past a pooler that is no place for this. */
export function directRemedy({ provider, host }: ConnectionPlace): string {
  if (provider === 'neon') return `use the direct host: ${host.replace('-pooler', '')}`;
  return 'use the session pooler (the same host, port 5432) or the direct connection';
}

/** How to make a certificate trusted that was not. */
export function certificateRemedy({ provider }: ConnectionPlace): string {
  switch (provider) {
    case 'supabase':
      return "download the project's root certificate and add sslmode=verify-full&sslrootcert=FILE";
    case 'railway':
      return "Railway's certificate is its own: use the private host within Railway, or add sslmode=no-verify, which encrypts and trusts nobody in particular";
    default:
      return 'add sslrootcert=FILE with the certificate of its authority';
  }
}
