import { BackupFailure } from '../failures.ts';
import { serverUrl } from '../connection/session.ts';
import type { Dumper, DumpRequest, RunningDump } from './dumper.ts';
import { startProgram } from './program.ts';
import { programVariables, type FoundProgram, type MachineTools } from './tools.ts';

/** Dumps with an installed pg_dump. */
export function nativeDumper(pgDump: FoundProgram, tools: MachineTools): Dumper {
  return {
    tool: `pg_dump ${pgDump.version}`,
    formats: ['custom', 'plain'],
    compressesItself: (format, compression) => format === 'custom' && compression === 'gzip',
    start: (request) => run(pgDump, tools, request),
  };
}

function run(pgDump: FoundProgram, tools: MachineTools, request: DumpRequest): RunningDump {
  const { url, password } = withoutPassword(request.connectionString);
  const args = [
    `--format=${request.format}`,
    `--snapshot=${request.snapshot}`,
    `--lock-wait-timeout=${request.lockWaitMs}ms`,
    '--no-password',
    ...(request.format === 'custom' ? [`--compress=${request.shallCompress ? 6 : 0}`] : []),
    `--dbname=${url}`,
  ];
  const { output, ended, messages } = startProgram(pgDump.program, args, {
    // a password in the arguments can be read by every account of the machine; in the variables by this one alone
    variables: { ...programVariables(tools), PGAPPNAME: 'clearway-backup', ...(password && { PGPASSWORD: password }) },
    signal: request.signal,
    asFailure: failureOf,
  });
  return { output, ended, warnings: () => warningsIn(messages()) };
}

const warningsIn = (messages: string): string[] =>
  [...messages.matchAll(/^pg_dump: warning: (.*)$/gm)].map(([, text = '']) => `pg_dump: ${text}`);

function failureOf(how: string, messages: string): BackupFailure {
  const lines = messages.split('\n').filter(Boolean);
  const said = lines.slice(-3).join(' / ') || 'it said nothing';
  const isPermission = /permission denied|row-level security|must be owner|must be superuser/i.test(messages);
  return new BackupFailure(isPermission ? 'permission-denied' : 'dump-failed', `pg_dump ${how}: ${said}`, {
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
