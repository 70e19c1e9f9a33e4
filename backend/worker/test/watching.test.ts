import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { databasesSchema } from '@clearway/contracts';
import { createDatabase, type Database } from '@clearway/database';
import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseMonitoring } from '../src/database/monitoring/monitoring.ts';
import { watchedDatabases } from '../src/database/monitoring/watched-databases.ts';
import { quietTelemetry } from './support/operations.ts';

let own: TestDatabase;
let database: Database;
const monitorings: DatabaseMonitoring[] = [];

beforeAll(async () => {
  own = await withTestDatabase();
  database = createDatabase({ connectionString: own.connectionString, applicationName: 'watching-test' });
});
afterAll(async () => {
  for (const each of monitorings) await each.close();
  await database.close();
  await own.close();
});

function monitoring(): DatabaseMonitoring {
  const telemetry = quietTelemetry();
  const settings = databasesSchema.parse([{ id: 'clearway', quickSeconds: 1 }]);
  const made = new DatabaseMonitoring({
    databases: watchedDatabases(settings, { DATABASE_URL: own.connectionString, DATA_DIRECTORY: '/nowhere' }),
    own: database.pool,
    leaseMs: 10_000,
    metrics: telemetry.metrics,
    log: telemetry.logs.logger,
  });
  monitorings.push(made);
  made.start();
  return made;
}
const connectionsOf = (one: DatabaseMonitoring): number => one.watches.get('clearway')?.connections ?? NaN;
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(10);
}

test('of several workers one has connections to a database, also when another is asked for a pass, or lost the lease', async () => {
  const first = monitoring();
  await until(() => first.isWatching && connectionsOf(first) === 2);
  const second = monitoring();
  expect(await second.lease.check()).toBe('elsewhere');

  let most = 0;
  const before = await second.store.latestAt('clearway', 'full');
  const asked = second.passOnDemand([...second.watches.values()][0] as never);
  let isOver = false;
  const done = asked.then(() => (isOver = true));
  await until(() => {
    most = Math.max(most, connectionsOf(second));
    return isOver;
  });
  await done;
  expect([most, (await second.store.latestAt('clearway', 'full')) === before]).toEqual([0, false]);

  await database.pool.query(`UPDATE leases SET holder = 'somebody', expires_at = now() + interval '1 hour'`);
  await until(() => !first.isWatching && connectionsOf(first) === 0);
});
