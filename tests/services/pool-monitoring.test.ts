import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { monitorPool, requestTelemetry, serviceTelemetry, shutdownTelemetry } from '@clearway/telemetry';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import express from 'express';
import pg from 'pg';
import { openDatabase, type Database } from '../../examples/tracks-service/src/database.ts';

const MIGRATIONS = path.resolve(import.meta.dirname, '../../examples/tracks-service/prisma/migrations');
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';

let database: TestDatabase;
let pool: pg.Pool;
let prisma: Database;
let server: Server;
let origin: string;
/** What the server's sessions ran last, by application. */
async function sessions(application: string): Promise<string[]> {
  const { rows } = await admin.query<{ query: string }>(
    'SELECT query FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database() ORDER BY query_start DESC',
    [application],
  );
  return rows.map(({ query }) => query);
}
let admin: pg.Client;

beforeAll(async () => {
  database = await withTestDatabase({ migrations: MIGRATIONS });
  const { connectionString } = database;
  admin = new pg.Client({ connectionString });
  await admin.connect();
  pool = monitorPool('plain', new pg.Pool({ connectionString, max: 1, application_name: 'plain' }));
  prisma = openDatabase(connectionString);
  const app = express();
  app.use(requestTelemetry());
  app.get('/plain/:id', async (req, res) => {
    await pool.query('SELECT $1::text AS id', [req.params.id]);
    res.json((await pool.query("SELECT 'of the user' AS secret")).rows);
  });
  app.get('/transaction', async (_req, res) => {
    const client = await pool.connect();
    await client.query('BEGIN');
    await client.query({ text: 'SELECT 2 AS two' });
    await client.query({ name: 'prepared', text: 'SELECT 3 AS three' });
    await client.query('COMMIT');
    client.release();
    res.end();
  });
  app.get('/prisma/tracks', async (_req, res) => void res.json(await prisma.track.findMany({ take: 1 })));
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server?.close();
  await pool?.end();
  await prisma?.$disconnect();
  await admin?.end();
  await database?.close();
  await shutdownTelemetry(500);
});

const get = (where: string) =>
  fetch(origin + where, { headers: { traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01` } });
const metric = async (name: string): Promise<string | undefined> =>
  (await serviceTelemetry().metrics.render()).split('\n').find((line) => line.startsWith(name));

describe('a pool of pg', () => {
  test('sends with each query the route and trace that issue it', async () => {
    expect((await get('/plain/7')).status).toBe(200);
    const [last] = await sessions('plain');
    expect(last).toContain(
      "SELECT 'of the user' AS secret /*application='service',route='GET%20%2Fplain%2F%3Aid',traceparent='00-",
    );
    expect(last).toContain(TRACE_ID);
  });

  test('does so in transactions and for query objects, and leaves prepared statements their text', async () => {
    const sent: string[] = [];
    const client = await pool.connect();
    const { connection } = client as unknown as {
      connection: { query: (text: string) => void; parse: (q: { text: string }) => void };
    };
    const { query, parse } = connection;
    connection.query = (text) => (sent.push(text), query.call(connection, text));
    connection.parse = (q) => (sent.push(q.text), parse.call(connection, q));
    client.release();
    await get('/transaction');
    expect(sent.map((text) => text.replace(/\/\*.*route='([^']*)'.*\*\//, '<$1>'))).toEqual([
      'BEGIN <GET%20%2Ftransaction>',
      'SELECT 2 AS two <GET%20%2Ftransaction>',
      'SELECT 3 AS three',
      'COMMIT <GET%20%2Ftransaction>',
    ]);
  });

  test('counts its connections, and how long queries wait for one', async () => {
    const busy = await pool.connect();
    const waiting = pool.query('SELECT 1');
    expect(await metric('service_pool_waiting{pool="plain"}')).toMatch(/ 1$/);
    expect(await metric('service_pool_connections{pool="plain",state="busy"}')).toMatch(/ 1$/);
    expect(await metric('service_pool_size{pool="plain"}')).toMatch(/ 1$/);
    busy.release();
    await waiting;
    expect(await metric('service_pool_wait_seconds_count{pool="plain"}')).toMatch(/ [1-9]\d*$/);
    expect(await metric('service_pool_failures_total{pool="plain"}')).toBeUndefined();
  });

  test('keeps the requests apart whose queries wait for the same connection', async () => {
    const [one, two] = ['1'.repeat(32), '2'.repeat(32)];
    const ask = (id: string) =>
      fetch(`${origin}/plain/${id}`, { headers: { traceparent: `00-${id}-b7ad6b7169203331-01` } });
    const seen: string[] = [];
    const client = await pool.connect();
    const { connection } = client as unknown as { connection: { query: (text: string) => void } };
    const { query } = connection;
    connection.query = (text) => (
      seen.push(/traceparent='00-(\w)/.exec(text)?.[1] ?? '-'),
      query.call(connection, text)
    );
    const asked = [ask(one), ask(two)];
    while (pool.waitingCount < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    client.release();
    await Promise.all(asked);
    expect(seen.sort()).toEqual(['1', '2']);
  });

  test('that cannot be reached counts a failure, and the error is the one of pg', async () => {
    const gone = monitorPool('gone', new pg.Pool({ host: '127.0.0.1', port: 1, max: 1 }));
    await expect(gone.query('SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(gone.connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(await metric('service_pool_failures_total{pool="gone"}')).toMatch(/ 2$/);
    await gone.end();
  });

  test('lets errors of queries through, by promise and by callback', async () => {
    await expect(pool.query('SELECT nonsense')).rejects.toMatchObject({ code: '42703' });
    const error = await new Promise((resolve) => pool.query('SELECT nonsense', resolve));
    expect(error).toMatchObject({ code: '42703' });
    const client = await pool.connect();
    await expect(client.query('SELECT nonsense')).rejects.toMatchObject({ code: '42703' });
    client.release();
  });
});

describe("Prisma's pool", () => {
  test('is counted, and its queries carry route and trace', async () => {
    expect((await get('/prisma/tracks')).status).toBe(200);
    const [last] = await sessions('tracks-service');
    expect(last).toMatch(
      /SELECT.*"tracks".*\/\*application='service',route='GET%20%2Fprisma%2Ftracks',traceparent='00-/s,
    );
    expect(last).toContain(TRACE_ID);
    expect(await metric('service_pool_connections{pool="prisma",state="idle"}')).toMatch(/ [1-9]$/);
    expect(await metric('service_pool_size{pool="prisma"}')).toMatch(/ 10$/);
  });
});
