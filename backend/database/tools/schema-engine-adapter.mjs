// What @prisma/adapter-pg lacks to serve the schema engine, each found by running into it.
import { randomUUID } from 'node:crypto';
import { PrismaPg } from '@prisma/adapter-pg';
import { ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import pg from 'pg';

const OID_CHAR = 18;
const OID_TEXT = 25;
/** Parameters of Prisma's own URLs, which PostgreSQL would refuse. */
const PRISMA_PARAMETERS = ['schema', 'connection_limit', 'pool_timeout', 'pgbouncer'];

const databaseOf = (url) => decodeURIComponent(new URL(url).pathname.slice(1)) || 'postgres';

function postgresUrl(url, database) {
  const parsed = new URL(url);
  for (const name of PRISMA_PARAMETERS) parsed.searchParams.delete(name);
  if (database !== undefined) parsed.pathname = `/${encodeURIComponent(database)}`;
  return parsed.toString();
}

async function query(connectionString, sql) {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    return await client.query(sql);
  } finally {
    await client.end();
  }
}

/** Resolves when the database answers. */
export const tryConnection = (url) => query(postgresUrl(url), 'SELECT 1');

/** Creates the database that the URL names, and returns its name. */
export async function createDatabase(url) {
  await query(postgresUrl(url, 'postgres'), `CREATE DATABASE ${pg.escapeIdentifier(databaseOf(url))}`);
  return databaseOf(url);
}

/** Prisma's code and words for a connection that failed. */
export function connectionProblem(error, url) {
  const { hostname, port, username } = new URL(url);
  const server = `\`${hostname}:${port || 5432}\``;
  if (error.code === '3D000')
    return { code: 'P1003', message: `Database \`${databaseOf(url)}\` does not exist on the server at ${server}.` };
  if (error.code === '28P01' || error.code === '28000')
    return { code: 'P1000', message: `Authentication failed: the credentials for \`${username}\` are not valid.` };
  return { code: 'P1001', message: `Can't reach database server at ${server} (${error.code ?? error.message})` };
}

/** adapter-pg refuses the type "char", which the catalogs use: hand it over as Character, an empty one as NUL. */
function readChars(connection) {
  const marks = new WeakMap();
  const performIO = connection.performIO.bind(connection);
  connection.performIO = async (statement) => {
    const result = await performIO(statement);
    const columns = (result.fields ?? []).flatMap((field, i) => (field.dataTypeID === OID_CHAR ? [i] : []));
    for (const i of columns) result.fields[i].dataTypeID = OID_TEXT;
    if (columns.length > 0) marks.set(result.rows, columns);
    return result;
  };
  const queryRaw = connection.queryRaw.bind(connection);
  connection.queryRaw = async (statement) => {
    const result = await queryRaw(statement);
    for (const i of marks.get(result.rows) ?? []) {
      result.columnTypes[i] = ColumnTypeEnum.Character;
      for (const row of result.rows) if (row[i] === '') row[i] = '\0';
    }
    return result;
  };
}

function repair(connection) {
  readChars(connection);
  if (connection.executeScript) {
    // adapter-pg splits a script at every ';', also inside function bodies, strings and comments
    connection.executeScript = async (script) => {
      try {
        await connection.underlyingDriver().query(script);
      } catch (error) {
        connection.onError(error);
      }
    };
  }
  if (connection.startTransaction) {
    const start = connection.startTransaction.bind(connection);
    connection.startTransaction = async (...options) => repair(await start(...options));
  }
  return connection;
}

/** One connection that never idles out: advisory locks and SET belong to a session. */
const poolConfig = (connectionString) => ({
  connectionString,
  max: 1,
  idleTimeoutMillis: 0,
  onConnect: (client) => client.query("SET TIME ZONE 'UTC'"),
});

/** adapter-pg's factory, repaired for the schema engine. */
export class EngineAdapterFactory extends PrismaPg {
  #url;
  #shadowUrl;

  constructor({ url = 'postgresql://127.0.0.1:1/none', shadowDatabaseUrl }) {
    super(poolConfig(postgresUrl(url)), { schema: new URL(url).searchParams.get('schema') ?? undefined });
    this.#url = url;
    this.#shadowUrl = shadowDatabaseUrl;
  }

  async connect() {
    return repair(await super.connect());
  }

  /** adapter-pg would hand back the MAIN database: the connection string's database wins over its own setting. */
  async connectToShadowDb() {
    if (this.#shadowUrl) return connectEmptied(postgresUrl(this.#shadowUrl));
    const name = `prisma_migrate_shadow_db_${randomUUID()}`;
    const main = postgresUrl(this.#url);
    await query(main, `CREATE DATABASE "${name}"`);
    const connection = repair(await new PrismaPg(poolConfig(postgresUrl(this.#url, name))).connect());
    const dispose = connection.dispose.bind(connection);
    connection.dispose = async () => {
      await dispose();
      await query(main, `DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
    };
    return connection;
  }
}

async function connectEmptied(connectionString) {
  const { rows } = await query(
    connectionString,
    "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'",
  );
  for (const { nspname } of rows) await query(connectionString, `DROP SCHEMA ${pg.escapeIdentifier(nspname)} CASCADE`);
  await query(connectionString, 'CREATE SCHEMA public');
  return repair(await new PrismaPg(poolConfig(connectionString)).connect());
}
