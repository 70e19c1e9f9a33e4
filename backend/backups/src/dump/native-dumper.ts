import { BackupFailure } from '../failures.ts';
import { serverUrl } from '../connection/session.ts';
import type { Dumper, DumpRequest, RunningDump } from './dumper.ts';
import { startProgram } from './program.ts';
import { programVariables, type FoundPgDump, type MachineTools } from './tools.ts';
import { ZSTD_LEVEL } from './zstd-program.ts';

/** Dumps with an installed pg_dump. */
export function nativeDumper(pgDump: FoundPgDump, tools: MachineTools): Dumper {
  return {
    tool: `pg_dump ${pgDump.version}`,
    formats: ['custom', 'plain'],
    compressesItself: (format, compression) => format === 'custom' && pgDump.compressions.includes(compression),
    start: (request) => run(pgDump, tools, request),
  };
}

const COMPRESS = { gzip: '6', zstd: `zstd:${ZSTD_LEVEL}` };

function run(pgDump: FoundPgDump, tools: MachineTools, request: DumpRequest): RunningDump {
  const { format, compression, file } = request;
  const { url, password } = withoutPassword(request.connectionString);
  const args = [
    `--format=${format}`,
    `--snapshot=${request.snapshot}`,
    `--lock-wait-timeout=${request.lockWaitMs}ms`,
    '--no-password',
    ...(format === 'custom' ? [`--compress=${compression ? COMPRESS[compression] : 0}`] : []),
    // not by its standard output, behind which a pg_dump from 16 on writes the table of contents again
    ...(file === undefined ? [] : [`--file=${file}`]),
    `--dbname=${url}`,
  ];
  const { output, ended, messages } = startProgram(pgDump.program, args, {
    // a password in the arguments can be read by every account of the machine; in the variables by this one alone
    variables: { ...programVariables(tools), PGAPPNAME: 'clearway-backup', ...(password && { PGPASSWORD: password }) },
    output: file === undefined ? 'pipe' : 'ignore',
    signal: request.signal,
    asFailure: failureOf,
  });
  return { output: file === undefined ? output : undefined, ended, warnings: () => warningsIn(messages()) };
}

const warningsIn = (messages: string): string[] =>
  [...messages.matchAll(/^pg_dump: warning: (.*)$/gm)].map(([, text = '']) => `pg_dump: ${text}`);

/** The file that it writes, not one of the server's. */
const OWN_FILE = /^pg_dump: error: could not (write to|open|close) (output |archive )?file/m;

function failureOf(how: string, messages: string): BackupFailure {
  const lines = messages.split('\n').filter(Boolean);
  const said = lines.slice(-3).join(' / ') || 'it said nothing';
  const isPermission = /permission denied|row-level security|must be owner|must be superuser/i.test(messages);
  const isStorage = OWN_FILE.test(messages) || how.includes('SIGXFSZ');
  const otherwise = isStorage ? 'storage-failed' : 'dump-failed';
  return new BackupFailure(isPermission ? 'permission-denied' : otherwise, `pg_dump ${how}: ${said}`, {
    ...(isPermission && {
      remedy: 'dump as the owner of the tables, or as a role with BYPASSRLS and pg_read_all_data',
    }),
  });
}

/** What libpq knows in a URL; it refuses to connect for anything else. */
const LIBPQ_PARAMETERS =
  /^(host|hostaddr|port|dbname|user|sslmode|sslcert|sslkey|sslrootcert|sslcrl|sslnegotiation|channel_binding|gssencmode|krbsrvname|connect_timeout|options|keepalives\w*|tcp_user_timeout|target_session_attrs|load_balance_hosts|require_auth|ssl_min_protocol_version|ssl_max_protocol_version)$/;

function withoutPassword(connectionString: string): { url: string; password: string | undefined } {
  const url = new URL(serverUrl(connectionString));
  const password = url.password ? decodeURIComponent(url.password) : (url.searchParams.get('password') ?? undefined);
  url.password = '';
  for (const name of [...url.searchParams.keys()]) if (!LIBPQ_PARAMETERS.test(name)) url.searchParams.delete(name);
  // libpq reads %20 and not + as a space
  return { url: url.toString().replace(/\?.*$/, (query) => query.replaceAll('+', '%20')), password };
}
