import type pg from 'pg';
import { failed, type SetupFinding } from './finding.ts';
import { certificateRemedy, type ConnectionPlace } from './provider.ts';

const CERTIFICATE_ERRORS = /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|CERT_|ERR_TLS_CERT/;

/** Why there is no connection, and what to do: never shows user or password. */
export function connectionFinding(error: unknown, place: ConnectionPlace): SetupFinding {
  const { code = '', message } = error as Partial<pg.DatabaseError> & Error;
  const where = `${place.host}:${place.port}`;
  const no = (detail: string, remedy: string) => failed('connection', `${where}: ${detail}`, remedy);
  if (CERTIFICATE_ERRORS.test(code)) return no(`its certificate is not trusted (${code})`, certificateRemedy(place));
  if (code === 'ENETUNREACH' || code === 'EHOSTUNREACH' || code === 'ENOTFOUND') {
    const remedy =
      place.provider === 'supabase' && place.host.startsWith('db.')
        ? 'the direct host has IPv6 only: use the session pooler, which has IPv4'
        : 'correct the host, or look at the network';
    return no(`${code}`, remedy);
  }
  switch (code) {
    case 'ECONNREFUSED':
      return no('nothing listens there', 'start PostgreSQL, or correct host and port');
    case '28P01':
    case '28000':
      return no(
        'user or password is refused',
        place.provider === 'supabase'
          ? 'through the pooler the user is postgres.REFERENCE'
          : 'correct user and password',
      );
    case '3D000':
      return no(`there is no database ${place.database}`, `CREATE DATABASE "${place.database}"`);
    case '53300':
      return no('it takes no more connections', 'close some, or raise max_connections');
    default:
      return no([code, message].filter((part) => part !== '').join(' '), 'correct the connection string');
  }
}
