import pg from 'pg';

/** Rows of the table that the load works on. */
export const ROWS = 50_000;

/** A load such as a service makes: reads by an index, in sessions that say their route and trace. */
export interface Load {
  /** How many queries were answered so far. */
  readonly answered: number;
  stop(): Promise<void>;
}

export const ROUTE = 'GET /v1/orders/:kind';
export const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
/** As sqlcommenter writes it. */
export const COMMENT = `/*route='${encodeURIComponent(ROUTE)}',traceparent='00-${TRACE_ID}-b7ad6b7169203331-01'*/`;

/** Makes the table `orders` with an index that its queries need. */
export async function createOrders(ownerUrl: string): Promise<void> {
  await withClient(ownerUrl, 'setup', async (client) => {
    await client.query(
      `CREATE TABLE orders AS SELECT n AS id, n % 5000 AS kind, repeat('x', 50) AS note FROM generate_series(1, ${ROWS}) n`,
    );
    await client.query('ALTER TABLE orders ADD PRIMARY KEY (id); CREATE INDEX orders_kind ON orders (kind)');
    await client.query('VACUUM ANALYZE orders');
  });
}

/** Reads the table over several connections, with pauses, until it is stopped. */
export function startLoad(ownerUrl: string, connections: number, pauseMs: number): Load {
  const pool = new pg.Pool({ connectionString: ownerUrl, max: connections, application_name: 'shop' });
  pool.on('error', () => undefined);
  let answered = 0;
  let isStopped = false;
  const one = async (): Promise<void> => {
    while (!isStopped) {
      const kind = Math.floor(Math.random() * 5000);
      // by a literal, as some services do: the monitor has to keep the value to itself
      await pool.query(`SELECT count(note) FROM orders WHERE kind = ${kind} ${COMMENT}`).then(
        () => answered++,
        () => undefined,
      );
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  };
  const all = Promise.all(Array.from({ length: connections }, one));
  return {
    get answered() {
      return answered;
    },
    async stop() {
      isStopped = true;
      await all;
      await pool.end();
    },
  };
}

/** Runs something with a connection of its own. */
export async function withClient<T>(url: string, name: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: name });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
