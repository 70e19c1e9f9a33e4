import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { openConnections } from '../src/queue/connections.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await withTestDatabase();
});
afterAll(() => database.close());

test('a server that ends in the moment in which a connection is handed over does not end the process', async () => {
  const connections = openConnections({
    connectionString: database.connectionString,
    applicationName: 'test',
    poolSize: 1,
    onProblem: () => {},
  });
  try {
    const client = await connections.pool.connect();
    // as when the packet that ends a query also says that the server is going
    expect(() => client.emit('error', new Error('terminating connection'))).not.toThrow();
    client.release(true);
    expect((await connections.query<{ one: number }>('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  } finally {
    await connections.close();
  }
});
