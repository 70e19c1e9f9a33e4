import pg from 'pg';
import { Observer, REAL_TEMPO } from './support/database-faults/observer.ts';
import { startSubject } from './support/database-faults/subject.ts';
import { atLeast, atMost, type Bar, type Proof, type ProofContext } from './support/proof.ts';

const MAJORS = [15, 18];
const LARGE_TABLES = 10;
const INDEXES = 2;
const FULL_INTERVAL_MS = 900_000;
const QUICK_INTERVAL_MS = 15_000;
const LIMITS = { fullSeconds: 5, quickSeconds: 2, costPercent: 1 };
/** The short form runs among other tests, which take the processor's time. */
const SHORT_LIMITS = { fullSeconds: 60, quickSeconds: 30, costPercent: 20 };

export const proof: Proof = {
  guarantee:
    'A database of 2,000 tables and 10 million rows is looked over in less than 5 seconds and for less than a hundredth of its time.',
  async run({ isShort, progress }: ProofContext) {
    const extent = isShort ? { tables: 200, rows: 100_000 } : { tables: 2000, rows: 10_000_000 };
    const limits = isShort ? SHORT_LIMITS : LIMITS;
    const bars: Bar[] = [];
    const measurements: Record<string, unknown> = { ...extent, indexesPerTable: INDEXES + 1 };
    for (const major of MAJORS) {
      const { version, ...found } = await lookOver(major, extent, progress);
      measurements[`PostgreSQL ${version}`] = found;
      bars.push(
        atLeast(`PostgreSQL ${major}: tables`, found.tables, extent.tables),
        atLeast(`PostgreSQL ${major}: rows`, found.rows, extent.rows * 0.99),
        atMost(`PostgreSQL ${major}: questions without an answer`, found.skipped.length, 0),
        atMost(`PostgreSQL ${major}: slowest full pass (seconds)`, found.slowestFullSeconds, limits.fullSeconds),
        atMost(`PostgreSQL ${major}: slowest quick pass (seconds)`, found.slowestQuickSeconds, limits.quickSeconds),
        atMost(`PostgreSQL ${major}: time of the passes in the database (%)`, found.costPercent, limits.costPercent),
      );
    }
    return { bars, measurements };
  },
};

async function lookOver(major: number, extent: { tables: number; rows: number }, progress: ProofContext['progress']) {
  const subject = await startSubject(major, { max_connections: 20, max_wal_size: '4GB' });
  try {
    const subjectDatabase = await subject.createDatabase();
    const { ownerUrl, watcherUrl } = subjectDatabase;
    progress(`PostgreSQL ${subject.version}: making ${extent.tables} tables with ${extent.rows} rows`);
    await fill(ownerUrl, extent);
    progress(`PostgreSQL ${subject.version}: looking it over`);
    const observer = new Observer(REAL_TEMPO, () => watcherUrl);
    const fullMs: number[] = [];
    const quickMs: number[] = [];
    const startMs = await subject.cost(subjectDatabase);
    for (let i = 0; i < 5; i++) fullMs.push((await observer.watch.full()).durationMs);
    const betweenMs = await subject.cost(subjectDatabase);
    for (let i = 0; i < 10; i++) quickMs.push((await observer.watch.quick()).durationMs);
    const endMs = await subject.cost(subjectDatabase);
    await observer.close();
    const { lastFull, lastQuick } = observer.watch;
    const database = lastFull?.known?.database;
    const inDatabase = { fullMs: (betweenMs - startMs) / 5, quickMs: (endMs - betweenMs) / 10 };
    return {
      version: subject.version,
      tables: database && 'value' in database ? database.value.tables : 0,
      sizeBytes: database && 'value' in database ? database.value.sizeBytes : 0,
      rows: await rowsOf(ownerUrl),
      skipped: [...Object.entries(lastFull?.skipped ?? {}), ...Object.entries(lastQuick?.skipped ?? {})],
      slowestFullSeconds: Math.max(...fullMs) / 1000,
      slowestQuickSeconds: Math.max(...quickMs) / 1000,
      fullMs,
      quickMs,
      inDatabase,
      costPercent:
        Math.round(100_000 * (inDatabase.fullMs / FULL_INTERVAL_MS + inDatabase.quickMs / QUICK_INTERVAL_MS)) / 1000,
    };
  } finally {
    await subject.stop();
  }
}

/** A few large tables and many small ones, each with a key and further indexes, and sequences. */
async function fill(url: string, { tables, rows }: { tables: number; rows: number }): Promise<void> {
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  const ofLarge = Math.round((rows * 0.8) / LARGE_TABLES);
  const ofSmall = Math.ceil((rows * 0.2) / (tables - LARGE_TABLES));
  const make = async (i: number): Promise<void> => {
    const count = i < LARGE_TABLES ? ofLarge : ofSmall;
    await pool.query(`CREATE TABLE table_${i} (id serial, kind int, note text)`);
    await pool.query(
      `INSERT INTO table_${i} (kind, note) SELECT n % 1000, 'note ' || n FROM generate_series(1, ${count}) n`,
    );
    await pool.query(`ALTER TABLE table_${i} ADD PRIMARY KEY (id)`);
    for (const column of ['kind', 'note']) await pool.query(`CREATE INDEX ON table_${i} (${column})`);
    await pool.query(`ANALYZE table_${i}`);
  };
  const numbers = Array.from({ length: tables }, (_, i) => i);
  const worker = async (): Promise<void> => {
    for (let i = numbers.shift(); i !== undefined; i = numbers.shift()) await make(i);
  };
  await Promise.all([worker(), worker()]);
  await pool.end();
}

async function rowsOf(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ n: number }>(
    `SELECT sum(reltuples)::float8 AS n FROM pg_class WHERE relkind = 'r' AND relname LIKE 'table\\_%'`,
  );
  await client.end();
  return rows[0]?.n ?? 0;
}
