import { installMonitoring } from '@clearway/database';
import { startTestServer } from '@clearway/database/testing';
import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** A server that is to suffer, with a role that watches it and one that does not watch anything. */
export interface Subject {
  readonly version: string;
  /** A fresh database of it. */
  createDatabase(): Promise<SubjectDatabase>;
  /** What watching a database cost the server so far. */
  cost(database: SubjectDatabase): Promise<number>;
  stop(): Promise<void>;
}

/** One database of it. */
export interface SubjectDatabase {
  readonly name: string;
  /** As the owner. */
  readonly ownerUrl: string;
  /** As a role that is granted pg_monitor and nothing else. */
  readonly watcherUrl: string;
  /** As a role that is granted nothing. */
  readonly strangerUrl: string;
}

/** Milliseconds by the server's own statistics of the watching roles, the statements around their questions included. */
const COST = `
  SELECT coalesce(sum(total_exec_time + total_plan_time), 0)::float8 AS ms
  FROM monitoring.pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid JOIN pg_database d ON d.oid = s.dbid
  WHERE r.rolname IN ('watcher', 'stranger') AND s.toplevel AND d.datname = $1`;

/** Starts a server of a major version. */
export async function startSubject(
  major: number,
  settings: Readonly<Record<string, string | number>>,
): Promise<Subject> {
  const server = await startTestServer({
    ...(major !== 15 && { major }),
    settings: { 'pg_stat_statements.track_planning': 'on', deadlock_timeout: '100ms', ...settings },
  });
  const adminUrl = server.url('postgres');
  await installMonitoring(adminUrl);
  const password = randomBytes(12).toString('hex');
  const admin = new pg.Pool({ connectionString: adminUrl, max: 1, application_name: 'admin' });
  admin.on('error', () => undefined);
  await admin.query(`CREATE ROLE watcher LOGIN PASSWORD '${password}'; GRANT pg_monitor TO watcher;
    CREATE ROLE stranger LOGIN PASSWORD '${password}'`);
  const { rows } = await admin.query<{ server_version: string }>('SHOW server_version');
  let count = 0;
  return {
    version: rows[0]?.server_version ?? '',
    async createDatabase() {
      const name = `subject_${count++}`;
      await admin.query(`CREATE DATABASE ${name}`);
      await installMonitoring(server.url(name));
      const as = (role: string): string => {
        const url = new URL(server.url(name));
        [url.username, url.password] = [role, password];
        return url.toString();
      };
      return { name, ownerUrl: server.url(name), watcherUrl: as('watcher'), strangerUrl: as('stranger') };
    },
    async cost({ name }) {
      const found = await admin.query<{ ms: number }>(COST, [name]);
      return found.rows[0]?.ms ?? 0;
    },
    async stop() {
      await admin.end();
      await server.stop();
    },
  };
}
