import pg from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import { COMMENT, createOrders, startLoad, withClient } from './load.ts';
import type { Observer, Sighting, Tempo } from './observer.ts';
import type { SubjectDatabase } from './subject.ts';

/** What a fault is done to. */
export interface Scene {
  readonly database: SubjectDatabase;
  readonly observer: Observer;
  readonly tempo: Tempo;
  /** For how long faults that last are kept up, in milliseconds. */
  readonly holdMs: number;
  /** How many sessions are many. */
  readonly manySessions: number;
}

/** What came of a fault. */
export interface Outcome {
  readonly said: readonly Sighting[];
  /** From the end of the fault until the monitor said that all is well, in seconds. */
  readonly recoveredAfterSeconds: number;
  /** What the monitor has to have said besides. */
  readonly claims: Readonly<Record<string, boolean>>;
}

type Fault = (scene: Scene) => Promise<Outcome>;

const patience = ({ tempo, holdMs }: Scene): number => holdMs + tempo.quickMs * 4 + 20_000;

/** A migration that holds a table for itself, while requests go on. */
export const accessExclusive: Fault = async (scene) => {
  const { database, observer, holdMs } = scene;
  await createOrders(database.ownerUrl);
  await observer.start();
  const load = startLoad(database.ownerUrl, 5, 20);
  const outcome = await withClient(database.ownerUrl, 'migrate', async (client) => {
    await client.query(`BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE /*route='migrate'*/`);
    const beganMs = performance.now();
    const said = await observer.sees('lock_wait', ['warning', 'critical'], beganMs, patience(scene));
    await observer.full();
    const sizes = observer.watch.lastFull?.known?.tables;
    const isEstimated = sizes !== undefined && 'value' in sizes && sizes.value[0]?.locked === true;
    const blockers = observer.watch.lastQuick?.known?.blockers;
    const root = blockers && 'value' in blockers ? blockers.value[0] : undefined;
    await sleep(Math.max(0, holdMs - (performance.now() - beganMs)));
    await client.query('ROLLBACK');
    return {
      said: [said],
      claims: {
        'names the blocker by application and route': root?.application === 'migrate' && root.route === 'migrate',
        'names who waits by route and trace':
          root?.blocks.some(({ route, traceId }) => route?.startsWith('GET') && traceId !== null) ?? false,
        'shows no value of a query': !JSON.stringify(root ?? {}).includes('kind = 1'),
        'sizes of locked tables are estimated, not waited for': isEstimated,
      },
    };
  });
  const recoveredAfterSeconds = await recovery(scene, 'lock_wait');
  await load.stop();
  return { ...outcome, recoveredAfterSeconds };
};

/** A session that began a transaction and forgot it. */
export const idleInTransaction: Fault = async (scene) => {
  const { database, observer } = scene;
  await observer.start();
  const outcome = await withClient(database.ownerUrl, 'forgetful', async (client) => {
    await client.query(`BEGIN; SELECT 'a secret' ${COMMENT}`);
    const said = await observer.sees('idle_in_transaction', ['warning'], performance.now(), patience(scene));
    await client.query('COMMIT');
    const text = `${said.message} ${said.recommendation}`;
    return {
      said: [said],
      claims: {
        'names the application': text.includes('forgetful'),
        'shows no value of a query': !text.includes('a secret'),
        'names the trace': (said.evidence?.traceIds ?? []).length === 1,
      },
    };
  });
  return { ...outcome, recoveredAfterSeconds: await recovery(scene, 'idle_in_transaction') };
};

/** An index that is dropped while requests need it. */
export const lostIndex: Fault = async (scene) => {
  const { database, observer } = scene;
  await createOrders(database.ownerUrl);
  await observer.start();
  const load = startLoad(database.ownerUrl, 4, 20);
  await sleep(scene.tempo.quickMs * 2);
  const beganMs = performance.now();
  await withClient(database.ownerUrl, 'migrate', (client) => client.query('DROP INDEX orders_kind'));
  const gone = await observer.sees('indexes', ['warning'], beganMs, patience(scene));
  const reads = await observer.sees('sequential_reads', ['warning', 'critical'], beganMs, patience(scene));
  await withClient(database.ownerUrl, 'mend', (client) => client.query('CREATE INDEX orders_kind ON orders (kind)'));
  const recoveredAfterSeconds = await recovery(scene, 'indexes', 60_000);
  await load.stop();
  return {
    said: [gone, reads],
    recoveredAfterSeconds,
    claims: {
      'names the index that is gone': gone.message.includes('orders_kind'),
      'says how to make it again': /CREATE INDEX CONCURRENTLY orders_kind/.test(gone.recommendation ?? ''),
      'names the table that is read from end to end': reads.message.includes('public.orders'),
    },
  };
};

/** Transactions that lock the same rows in different orders. */
export const deadlockStorm: Fault = async (scene) => {
  const { database, observer, tempo } = scene;
  await createOrders(database.ownerUrl);
  await observer.start();
  const pool = new pg.Pool({ connectionString: database.ownerUrl, max: 6, application_name: 'careless' });
  const controller = new AbortController();
  const one = async (first: number, second: number): Promise<void> => {
    while (!controller.signal.aborted) {
      const client = await pool.connect();
      try {
        await client.query('BEGIN');
        await client.query('UPDATE orders SET note = note WHERE id = $1', [first]);
        await sleep(10);
        await client.query('UPDATE orders SET note = note WHERE id = $1', [second]);
        await client.query('COMMIT');
      } catch {
        await client.query('ROLLBACK').catch(() => undefined);
      } finally {
        client.release();
      }
    }
  };
  const beganMs = performance.now();
  const all = Promise.all([one(1, 2), one(2, 1), one(1, 2), one(2, 1)]);
  const said = await observer.sees('deadlocks', ['warning', 'critical'], beganMs, patience(scene));
  controller.abort();
  await all;
  await pool.end();
  // deadlocks are counted over a minute
  const recoveredAfterSeconds = tempo.quickMs < 1000 ? 0 : await recovery(scene, 'deadlocks', 120_000);
  return { said: [said], recoveredAfterSeconds, claims: { 'counts them': /\d+ deadlock/.test(said.message) } };
};

/** A sequence that is nearly used up. */
export const sequenceNearEnd: Fault = async (scene) => {
  const { database, observer } = scene;
  await withClient(database.ownerUrl, 'setup', async (client) => {
    await client.query('CREATE TABLE counted (id serial PRIMARY KEY)');
    await client.query(`SELECT setval('counted_id_seq', ${Math.round(2_147_483_647 * 0.96)})`);
  });
  const beganMs = performance.now();
  await observer.start();
  const said = await observer.sees('sequences', ['critical'], beganMs, patience(scene));
  const endedMs = performance.now();
  await withClient(database.ownerUrl, 'mend', (client) =>
    client.query('ALTER TABLE counted ALTER id TYPE bigint; ALTER SEQUENCE counted_id_seq AS bigint'),
  );
  await observer.full();
  const recovered = await observer.sees('sequences', ['ok'], endedMs, patience(scene));
  return {
    said: [said],
    recoveredAfterSeconds: recovered.afterSeconds,
    claims: {
      'names the sequence': said.message.includes('counted_id_seq'),
      'says what to do': /bigint/.test(said.recommendation ?? ''),
    },
  };
};

/** A role that was granted nothing. */
export const withoutRights: Fault = async (scene) => {
  const { observer } = scene;
  await withClient(scene.database.ownerUrl, 'setup', (client) =>
    client.query('CREATE TABLE counted (id serial PRIMARY KEY)'),
  );
  const beganMs = performance.now();
  await observer.start();
  const hidden = withClient(scene.database.ownerUrl, 'busy', async (client) => {
    await client.query('BEGIN; SELECT 1');
    return observer.sees('idle_in_transaction', ['skipped'], beganMs, patience(scene));
  });
  const said = [await hidden, await observer.sees('sequences', ['skipped'], beganMs, patience(scene))];
  const capabilities = observer.watch.lastFull?.known?.capabilities;
  const missing =
    capabilities && 'value' in capabilities ? capabilities.value.filter(({ available }) => !available) : [];
  return {
    said,
    recoveredAfterSeconds: 0,
    claims: {
      'says what is missing': missing.some(({ capability }) => capability === 'sessions'),
      'says how to mend it': missing.every(({ remedy }) => remedy !== null && remedy !== ''),
      'counts connections all the same': observer.watch.checks.some(
        ({ id, status }) => id === 'connections' && status === 'ok',
      ),
    },
  };
};

/** All connections of the server used up by pools that are too large. */
export const poolExhausted: Fault = async (scene) => {
  const { database, observer } = scene;
  await observer.start();
  const clients: pg.Client[] = [];
  const isFull = await fill(clients, database.ownerUrl);
  // from here on it is full: opening hundreds of connections takes seconds
  const beganMs = performance.now();
  const pending = await pendingOf(scene, beganMs);
  const said = await observer.sees('connections', ['critical'], beganMs, patience(scene) + 330_000);
  const stillAnswers = observer.watch.reachable === true;
  await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
  const recoveredAfterSeconds = await recovery(scene, 'connections');
  return {
    said: [said],
    recoveredAfterSeconds,
    claims: {
      'the server refused further connections': isFull,
      'answers over the connection that it holds': stillAnswers,
      'shows at once that the limit is passed': pending,
      'says who has them, and what to do':
        /shop-pool/.test(said.recommendation ?? '') && /pool/.test(said.recommendation ?? ''),
    },
  };
};

/** Opens idle sessions until the server refuses. */
async function fill(clients: pg.Client[], url: string, most = Infinity): Promise<boolean> {
  while (clients.length < most) {
    const client = new pg.Client({ connectionString: url, application_name: 'shop-pool' });
    client.on('error', () => undefined);
    try {
      await client.connect();
      clients.push(client);
    } catch {
      return true;
    }
  }
  return false;
}

async function pendingOf({ observer, tempo }: Scene, beganMs: number): Promise<boolean> {
  const limitMs = tempo.quickMs * 4 + 10_000;
  while (performance.now() - beganMs < limitMs) {
    const check = observer.watch.checks.find(({ id }) => id === 'connections');
    if (check?.pending || check?.status === 'critical') return true;
    await sleep(20);
  }
  return false;
}

/** Hundreds of sessions: passes stay cheap, and the breakdown is whole. */
export const manyConnections: Fault = async (scene) => {
  const { database, observer, manySessions } = scene;
  await observer.start();
  const clients: pg.Client[] = [];
  const beganMs = performance.now();
  await fill(clients, database.ownerUrl, manySessions);
  // the one under way may have counted before they were all there
  await observer.quick();
  await observer.quick();
  const said = await observer.sees('connections', ['ok', 'warning'], beganMs, patience(scene));
  const breakdown = observer.watch.lastQuick?.known?.answers.breakdown;
  const counted = breakdown && 'value' in breakdown ? breakdown.value : [];
  const pool = counted.find(({ application }) => application === 'shop-pool');
  await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
  return {
    said: [said],
    recoveredAfterSeconds: 0,
    claims: { 'counts them by application and state': pool?.connections === manySessions && pool.state === 'idle' },
  };
};

async function recovery(scene: Scene, check: Parameters<Observer['sees']>[0], limitMs = 60_000): Promise<number> {
  const { afterSeconds } = await scene.observer.sees(check, ['ok'], performance.now(), limitMs);
  return afterSeconds;
}
