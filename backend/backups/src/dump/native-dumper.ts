import { spawn } from 'node:child_process';
import { BackupFailure, asBackupFailure } from '../failures.ts';
import { serverUrl } from '../connection/session.ts';
import type { Dumper, DumpRequest, RunningDump } from './dumper.ts';
import { programVariables, type FoundProgram, type MachineTools } from './tools.ts';

const MESSAGE_LIMIT = 16_384;

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
  const child = spawn(
    pgDump.program,
    [
      `--format=${request.format}`,
      `--snapshot=${request.snapshot}`,
      `--lock-wait-timeout=${request.lockWaitMs}ms`,
      '--no-password',
      ...(request.format === 'custom' ? [`--compress=${request.shallCompress ? 6 : 0}`] : []),
      `--dbname=${url}`,
    ],
    {
      // a password in the arguments can be read by every account of the machine; in the variables by this one alone
      env: { ...programVariables(tools), PGAPPNAME: 'clearway-backup', ...(password && { PGPASSWORD: password }) },
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: request.signal,
      killSignal: 'SIGTERM',
    },
  );
  let messages = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (messages = (messages + text).slice(-MESSAGE_LIMIT)));
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', (error) => reject(asBackupFailure(error, 'dump-failed')));
    child.once('close', (code, signal) => (code === 0 ? resolve() : reject(failureOf(code, signal, messages))));
  });
  ended.catch(() => {}); // whoever reads the output may fail first
  return { output: child.stdout, ended, warnings: () => warningsIn(messages) };
}

const warningsIn = (messages: string): string[] =>
  [...messages.matchAll(/^pg_dump: warning: (.*)$/gm)].map(([, text = '']) => `pg_dump: ${text}`);

function failureOf(code: number | null, signal: NodeJS.Signals | null, messages: string): BackupFailure {
  const lines = messages.trim().split('\n').filter(Boolean);
  const how = signal ? `was ended by ${signal}` : `exited with ${code}`;
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
