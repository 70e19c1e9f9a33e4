import { setTimeout as sleep } from 'node:timers/promises';
import { thresholdsSchema, type DatabaseCheck, type DatabaseCheckId } from '@clearway/contracts';
import { DatabaseWatch } from '@clearway/database';
import pg from 'pg';
import { atMost, type Bar, type Proof, type ProofContext } from './support/proof.ts';
import { startReplicatedServers, type ReplicatedServers } from './support/standby.ts';

const QUICK_MS = 15_000;
const WARNING_SECONDS = 30;
const HOUR_MS = 3_600_000;
const MEBIBYTE = 1024 * 1024;

/** Shortly the same happens by a clock that goes faster; an hour is never waited for. */
const WHOLE = { majors: [15, 18], speed: 1, keptMebibytes: 1200, limitSeconds: 32 };
const SHORT = { majors: [18], speed: 40, keptMebibytes: 0, limitSeconds: 600 };

export const proof: Proof = {
  guarantee:
    'A replica that replays nothing, one that is gone and a slot that lost what its replica needs are said within two passes of the threshold, by the primary as by the replica.',
  async run({ isShort, progress }: ProofContext) {
    const { majors, ...extent } = isShort ? SHORT : WHOLE;
    // side by side: nearly all of it is waiting for the next pass
    const all = await Promise.all(
      majors.map(async (major) => {
        const scene = await Scene.open(major, extent, progress);
        try {
          const seen = { ...(await scene.play()), maxConnections: scene.maxConnections };
          return { major, seen };
        } finally {
          await scene.close();
        }
      }),
    );
    const seen = Object.fromEntries(all.map(({ major, seen: what }) => [`PostgreSQL ${major}`, what]));
    return {
      bars: all.flatMap(({ major, seen: what }) => barsOf(major, what, extent.limitSeconds)),
      measurements: { ...extent, quickSeconds: QUICK_MS / 1000, ...seen },
    };
  },
};

interface Seen {
  readonly said: Said;
  readonly claims: Readonly<Record<string, boolean>>;
  readonly maxConnections: number;
}
type Said = Record<string, { readonly afterSeconds: number; readonly check: DatabaseCheck }>;

/** A pass may have been made just before the fault, and the log of a replica is looked at in passes. */
function barsOf(major: number, { said, claims, maxConnections }: Seen, limitSeconds: number): Bar[] {
  const broken = Object.entries(claims).flatMap(([claim, holds]) => (holds ? [] : [claim]));
  const late = Object.values(said).map(({ afterSeconds, check }) =>
    check.status === 'warning' && check.id === 'replication_lag' ? afterSeconds - WARNING_SECONDS : afterSeconds,
  );
  const which = broken.length > 0 ? ` (${broken.join('; ')})` : '';
  return [
    atMost(`PostgreSQL ${major}: claims that do not hold${which}`, broken.length, 0),
    atMost(`PostgreSQL ${major}: said later than its threshold by (seconds)`, Math.max(...late), limitSeconds),
    atMost(`PostgreSQL ${major}: connections of a watch`, maxConnections, 2),
  ];
}

/** A primary, its standby, a watch of each, and a clock that may be put forward. */
class Scene {
  maxConnections = 0;
  readonly #servers: ReplicatedServers;
  readonly #primary: DatabaseWatch;
  readonly #standby: DatabaseWatch;
  readonly #stranger: DatabaseWatch;
  readonly #clock: OwnClock;
  readonly #extent: Omit<typeof WHOLE, 'majors'>;
  readonly #progress: (text: string) => void;

  private constructor(
    servers: ReplicatedServers,
    extent: Omit<typeof WHOLE, 'majors'>,
    progress: (text: string) => void,
  ) {
    this.#servers = servers;
    this.#clock = new OwnClock(extent.speed);
    this.#extent = extent;
    this.#progress = progress;
    this.#primary = this.#watch('primary', () => as('watcher', servers.primaryUrl('postgres')));
    this.#standby = this.#watch('standby', () => as('watcher', servers.standbyUrl('postgres')));
    this.#stranger = this.#watch('stranger', () => as('stranger', servers.primaryUrl('postgres')));
  }

  static async open(major: number, extent: Omit<typeof WHOLE, 'majors'>, progress: (text: string) => void) {
    const servers = await startReplicatedServers({
      ...(major !== 15 && { major }),
      isSynchronous: false,
      slot: 'standby_slot',
    });
    await run(
      servers.primaryUrl('postgres'),
      `CREATE ROLE watcher LOGIN PASSWORD 'watcher'; GRANT pg_monitor TO watcher;
       CREATE ROLE stranger LOGIN PASSWORD 'stranger'; CREATE TABLE written (at timestamptz)`,
    );
    return new Scene(servers, extent, (text) => progress(`PostgreSQL ${major}: ${text}`));
  }

  async play(): Promise<{ said: Said; claims: Record<string, boolean> }> {
    const said: Said = {};
    const claims: Record<string, boolean> = {};
    const see = async (name: string, watch: DatabaseWatch, id: DatabaseCheckId, status: DatabaseCheck['status']) => {
      this.#progress(name);
      said[name] = await this.#sees(watch, id, status);
      return said[name].check;
    };
    const both = [
      ['the primary', this.#primary],
      ['the replica', this.#standby],
    ] as const;

    // long enough to be missed when it goes
    for (let passes = 0; passes < 6; passes++) await this.#pass();
    this.#clock.mark();
    for (const [who, watch] of both) await see(`${who} says that the replica follows`, watch, 'replication_lag', 'ok');
    claims['the lag is hidden from a role without rights'] = isSkipped(this.#stranger, 'replication_lag');

    await run(this.#servers.standbyUrl('postgres'), 'SELECT pg_wal_replay_pause()');
    this.#clock.mark();
    for (const [who, watch] of both) {
      const { message } = await see(`${who} says that replay is paused`, watch, 'replication_lag', 'warning');
      claims[`${who} names the replica`] = /standby|this server/.test(message);
    }
    this.#clock.jump(HOUR_MS);
    for (const [who, watch] of both) {
      await see(`${who} says that it is an hour behind`, watch, 'replication_lag', 'critical');
    }
    await run(this.#servers.standbyUrl('postgres'), 'SELECT pg_wal_replay_resume()');
    this.#clock.mark();
    for (const [who, watch] of both) {
      await see(`${who} says that it has caught up`, watch, 'replication_lag', 'ok');
    }

    await this.#servers.stopStandby();
    this.#clock.mark();
    const gone = await see('the primary says that the replica is gone', this.#primary, 'replication_lag', 'warning');
    claims['says that it is not connected'] = gone.message.includes('standby, is not connected any more');
    await this.#servers.startStandby();
    this.#clock.mark();
    await see('the primary says that it is back', this.#primary, 'replication_lag', 'ok');

    await this.#servers.stopStandby();
    if (this.#extent.keptMebibytes > 0) {
      await this.#write(this.#extent.keptMebibytes);
      this.#clock.mark();
      const keeps = await see('the slot keeps much', this.#primary, 'replication_slots', 'warning');
      claims['names the slot that keeps WAL'] = keeps.message.includes('standby_slot keeps');
    }
    await run(this.#servers.primaryUrl('postgres'), `ALTER SYSTEM SET max_slot_wal_keep_size = '32MB'`);
    await run(this.#servers.primaryUrl('postgres'), 'SELECT pg_reload_conf()');
    await this.#write(80);
    await run(this.#servers.primaryUrl('postgres'), 'CHECKPOINT');
    this.#clock.mark();
    const lost = await see('the slot lost what is needed', this.#primary, 'replication_slots', 'critical');
    claims['says what to do about it'] = /pg_drop_replication_slot\('standby_slot'\)/.test(lost.recommendation ?? '');
    return { said, claims };
  }

  async close(): Promise<void> {
    await Promise.all([this.#primary, this.#standby, this.#stranger].map((watch) => watch.close()));
    await this.#servers.stop();
  }

  #watch(id: string, connectionString: () => string): DatabaseWatch {
    const settings = { id, label: id, connectionString, quickSeconds: QUICK_MS / 1000, fullSeconds: 900 };
    return new DatabaseWatch({ ...settings, thresholds: thresholdsSchema.parse({}) }, { clock: this.#clock });
  }

  /** A pass over all, at its time, with something written before: a log that does not grow has no lag. */
  async #pass(): Promise<void> {
    await this.#clock.until(QUICK_MS);
    await run(this.#servers.primaryUrl('postgres'), 'INSERT INTO written VALUES (now())');
    const watches = [this.#primary, this.#standby, this.#stranger];
    await Promise.all(watches.map((watch) => watch.quick()));
    this.maxConnections = Math.max(this.maxConnections, ...watches.map(({ connections }) => connections));
  }

  async #sees(watch: DatabaseWatch, id: DatabaseCheckId, status: DatabaseCheck['status']) {
    for (let passes = 0; passes < 10; passes++) {
      const check = watch.checks.find((one) => one.id === id);
      if (check?.status === status) return { check, afterSeconds: this.#clock.sinceMarkSeconds };
      await this.#pass();
    }
    const found = watch.checks.find((one) => one.id === id);
    throw new Error(`${id} of the ${watch.settings.id} is ${found?.status}, not ${status}: ${found?.message}`);
  }

  async #write(mebibytes: number): Promise<void> {
    await run(
      this.#servers.primaryUrl('postgres'),
      `SELECT count(pg_logical_emit_message(false, 'proof', repeat('x', ${MEBIBYTE}))) FROM generate_series(1, ${mebibytes})`,
    );
  }
}

/** Goes as fast as it is told, and may be put forward. */
class OwnClock {
  readonly #speed: number;
  readonly #startMs = performance.now();
  #aheadMs = 0;
  #markMs = 0;
  #nextMs = 0;

  constructor(speed: number) {
    this.#speed = speed;
  }

  nowMs(): number {
    return Date.UTC(2026, 0, 1) + this.monotonicMs();
  }

  monotonicMs(): number {
    return (performance.now() - this.#startMs) * this.#speed + this.#aheadMs;
  }

  get sinceMarkSeconds(): number {
    return Math.round((this.monotonicMs() - this.#markMs) / 10) / 100;
  }

  /** From here on seconds are counted. */
  mark(): void {
    this.#markMs = this.monotonicMs();
  }

  jump(ms: number): void {
    this.#aheadMs += ms;
    this.#nextMs += ms;
    this.mark();
  }

  /** Waits for the next time of something that is done every so often. */
  async until(everyMs: number): Promise<void> {
    const restMs = this.#nextMs - this.monotonicMs();
    if (restMs > 0) await sleep(restMs / this.#speed);
    this.#nextMs = Math.max(this.#nextMs, this.monotonicMs() - everyMs) + everyMs;
  }
}

function isSkipped({ checks }: DatabaseWatch, check: DatabaseCheckId): boolean {
  return checks.some(({ id, status, message }) => id === check && status === 'skipped' && message.includes('GRANT'));
}

function as(role: string, url: string): string {
  const parsed = new URL(url);
  [parsed.username, parsed.password] = [role, role];
  return parsed.toString();
}

async function run(url: string, sql: string): Promise<pg.QueryResult<Record<string, unknown>>> {
  const client = new pg.Client({ connectionString: url, application_name: 'proof' });
  client.on('error', () => {});
  await client.connect();
  try {
    return await client.query<Record<string, unknown>>(sql);
  } finally {
    await client.end();
  }
}
