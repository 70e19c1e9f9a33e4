import { spawn, type ChildProcess } from 'node:child_process';
import { chmod, chown, cp, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTestServer } from '@clearway/database/testing';
import pg from 'pg';
import { freePort } from '../../end-to-end/support/servers.ts';
import { killServer } from './kill-server.ts';

/** A primary with a standby; when that is synchronous, what is committed on the one is on the other. */
export interface ReplicatedServers {
  /** Connection URL on the primary, to make the database with. */
  readonly primaryUrl: (database: string) => string;
  readonly primaryPort: number;
  readonly standbyPort: number;
  /** Connection URL on the standby. */
  readonly standbyUrl: (database: string) => string;
  /** Ends the standby, and lets it come back with what it had. */
  stopStandby(): Promise<void>;
  startStandby(): Promise<void>;
  /** Kills every process of the primary, as a power cut does. */
  killPrimary(): Promise<void>;
  /** Makes the standby the server; resolves when it takes writes. */
  promote(): Promise<void>;
  stop(): Promise<void>;
}

/** What kind of a pair it is. */
export interface ReplicationOptions {
  /** The usual one when it is left out. */
  readonly major?: number | undefined;
  readonly isSynchronous?: boolean;
  /** The slot by which the primary keeps the log for its standby. */
  readonly slot?: string;
}

/** Starts both, from the embedded PostgreSQL. */
export async function startReplicatedServers(options: ReplicationOptions = {}): Promise<ReplicatedServers> {
  const { major, isSynchronous = true, slot } = options;
  const primary = await startTestServer({
    ...(major !== undefined && { major }),
    settings: { wal_level: 'replica', max_wal_senders: 5, fsync: 'on', synchronous_commit: 'on' },
  });
  const admin = new pg.Client({ connectionString: primary.url('postgres') });
  admin.on('error', () => {});
  await admin.connect();
  const data = await setting(admin, 'data_directory');
  const pid = Number((await readFile(path.join(data, 'postmaster.pid'), 'utf8')).split('\n')[0]);
  const program = await readlink(`/proc/${pid}/exe`);
  const folder = await mkdtemp(path.join(tmpdir(), 'clearway-standby-'));
  const standbyData = path.join(folder, 'data');
  await copyCluster(admin, data, standbyData);
  const url = new URL(primary.url('postgres'));
  const standbyPort = await freePort();
  if (slot !== undefined) await admin.query('SELECT pg_create_physical_replication_slot($1, true)', [slot]);
  await prepareStandby(folder, standbyData, url, data, slot);
  const { uid, gid } = await stat(data);
  const account = process.getuid?.() === 0 ? { uid, gid } : {};
  const start = (): ChildProcess =>
    spawn(program, ['-D', standbyData, '-c', `port=${standbyPort}`, '-c', 'listen_addresses=127.0.0.1'], {
      ...account,
      cwd: standbyData,
      stdio: 'ignore',
    });
  let child = start();
  if (isSynchronous) {
    await admin.query("ALTER SYSTEM SET synchronous_standby_names = '*'");
    await admin.query('SELECT pg_reload_conf()');
  }
  await untilConnected(admin, isSynchronous ? 'sync' : 'async');
  await admin.end();
  const standbyUrl = (database: string): string => {
    const standby = new URL(primary.url(database));
    standby.port = String(standbyPort);
    return standby.toString();
  };
  await answers(standbyUrl('postgres'));
  return {
    primaryUrl: primary.url,
    primaryPort: Number(url.port),
    standbyPort,
    killPrimary: () => killServer(pid, data),
    promote: () => promote(standbyUrl('postgres')),
    standbyUrl,
    async stopStandby() {
      const ended = once(child, 'exit');
      child.kill('SIGINT');
      await ended;
    },
    async startStandby() {
      child = start();
      await answers(standbyUrl('postgres'));
    },
    async stop() {
      child.kill('SIGQUIT');
      await primary.stop().catch(() => {});
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function setting(admin: pg.Client, name: string): Promise<string> {
  const { rows } = await admin.query<Record<string, string>>(`SHOW ${name}`);
  return rows[0]?.[name] ?? '';
}

/** A base backup with the server's own functions: the embedded PostgreSQL brings no pg_basebackup. */
async function copyCluster(admin: pg.Client, from: string, to: string): Promise<void> {
  await admin.query("SELECT pg_backup_start('standby', true)");
  await cp(from, to, { recursive: true, preserveTimestamps: true });
  const { rows } = await admin.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)');
  await writeFile(path.join(to, 'backup_label'), rows[0]?.labelfile ?? '');
  await rm(path.join(to, 'postmaster.pid'), { force: true });
  await rm(path.join(to, 'postmaster.opts'), { force: true });
}

async function prepareStandby(
  folder: string,
  data: string,
  primary: URL,
  model: string,
  slot: string | undefined,
): Promise<void> {
  const password = decodeURIComponent(primary.password);
  const info = `host=127.0.0.1 port=${primary.port} user=${primary.username} password=${password} application_name=standby`;
  await writeFile(path.join(data, 'standby.signal'), '');
  await writeFile(
    path.join(data, 'postgresql.auto.conf'),
    `primary_conninfo = '${info}'\nhot_standby = on\nmax_connections = 200\n${slot === undefined ? '' : `primary_slot_name = '${slot}'\n`}`,
  );
  await chmod(folder, 0o711);
  if (process.getuid?.() === 0) await ownLike(data, model);
  await chmod(data, 0o700);
}

async function ownLike(folder: string, model: string): Promise<void> {
  const { uid, gid } = await stat(model);
  await chown(folder, uid, gid);
  for (const entry of await readdir(folder, { recursive: true })) await chown(path.join(folder, entry), uid, gid);
}

async function untilConnected(admin: pg.Client, syncState: 'sync' | 'async'): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const { rows } = await admin.query<{ sync_state: string; state: string }>(
      'SELECT sync_state, state FROM pg_stat_replication',
    );
    if (rows.some((row) => row.sync_state === syncState && row.state === 'streaming')) return;
    await sleep(50);
  }
  throw new Error('the standby does not follow the primary');
}

/** A standby takes a moment until it lets readers in. */
async function answers(url: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => {});
    try {
      await client.connect();
      return await client.end();
    } catch (error) {
      if (tries === 200) throw error;
      await sleep(50);
    }
  }
}

async function promote(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('SELECT pg_promote()');
  // it has no standby of its own: commits must not wait for one
  await client.query('ALTER SYSTEM RESET synchronous_standby_names');
  await client.query('SELECT pg_reload_conf()');
  await client.end();
}
