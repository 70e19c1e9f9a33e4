import { Readable } from 'node:stream';
import type pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { openSession, quoteName, quoteQualified, quoteText } from '../../connection/session.ts';
import { listSequences, readSequences } from '../../manifest/sequences.ts';
import { listTables, type TableToMeasure } from '../../manifest/tables.ts';
import type { Dumper, DumpRequest } from '../dumper.ts';
import { largeObjectStatements } from './large-object-statements.ts';
import { dumpSchema } from './schema-dump.ts';

/** Up to which size of a database the portable dump is offered: memory was measured at 1 GB, beyond it time decides (ADR 25). */
export const PORTABLE_LIMIT_BYTES = 8 * 2 ** 30;
/** Servers up to this major version. */
export const PORTABLE_MAJOR = 18;
const TOOL = 'portable pg_dump 18.3';

/**
 * Dumps without anything installed: pg_dump as WebAssembly writes the schema, and the rows are streamed by COPY from the
 * same snapshot. The result is a script like pg_dump's own, which `psql` restores.
 */
export function portableDumper(): Dumper {
  return {
    tool: TOOL,
    formats: ['plain'],
    compressesItself: () => false,
    start(request) {
      const output = Readable.from(writeScript(request), { objectMode: false, highWaterMark: 512 * 1024 });
      // an error of the stream is an error of the dump; there is nothing besides
      const ended = new Promise<void>((resolve, reject) => {
        output.once('end', resolve);
        output.once('error', reject);
        output.once('close', () => reject(new Error('the dump was given up')));
      });
      ended.catch(() => {});
      return { output, ended, warnings: () => [] };
    },
  };
}

const COMPLETE = '-- PostgreSQL database dump complete';
const SET_TIMEOUT = /^SET transaction_timeout = 0;\n/m;
/**
 * Each section ends with the line that only the whole may end with; and servers before 17 know no transaction_timeout.
 * The same lines elsewhere are of somebody's text.
 */
function asPart(script: string): string {
  const end = script.lastIndexOf(COMPLETE);
  return `${script.slice(0, end)}--${script.slice(end + COMPLETE.length)}`.replace(SET_TIMEOUT, '');
}

async function* writeScript(request: DumpRequest): AsyncGenerator<Buffer, void, undefined> {
  const { connectionString, snapshot, lockWaitMs, signal } = request;
  const client = await openSession({ connectionString, applicationName: 'clearway-backup', lockWaitMs });
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await client.query(`SET TRANSACTION SNAPSHOT ${quoteText(snapshot)}`);
    const { before, after } = await dumpSchema(connectionString, snapshot, signal);
    yield Buffer.from(asPart(before));
    const { measured } = await listTables(client);
    for (const table of measured) {
      signal.throwIfAborted();
      yield* copyTable(client, table);
    }
    yield Buffer.from(await sequenceStatements(client));
    yield* largeObjectStatements(client);
    yield Buffer.from(asPart(after));
    yield Buffer.from(`\n--\n${COMPLETE}\n--\n\n`);
  } finally {
    await client.end().catch(() => {});
  }
}

/** A line break would end the comment, and psql would run what follows. */
const inComment = (name: string): string => name.replaceAll(/[\r\n]/g, ' ');

async function* copyTable(client: pg.Client, table: TableToMeasure): AsyncGenerator<Buffer, void, undefined> {
  const { schema, name, condition } = table;
  const columns = table.columns.filter(({ isGenerated }) => !isGenerated).map((column) => quoteName(column.name));
  const list = columns.length > 0 ? ` (${columns.join(', ')})` : '';
  const qualified = quoteQualified(schema, name);
  const from =
    condition === undefined
      ? `${qualified}${list}`
      : `(SELECT ${columns.join(', ')} FROM ONLY ${qualified} AS t ${condition})`;
  const about = inComment(`Data for Name: ${name}; Type: TABLE DATA; Schema: ${schema}`);
  yield Buffer.from(`\n--\n-- ${about}\n--\n\n`);
  yield Buffer.from(`COPY ${qualified}${list} FROM stdin;\n`);
  // a table whose columns are all generated has rows that nothing can be said about
  for await (const rows of client.query(copyTo(`COPY ${from} TO STDOUT`))) yield rows as Buffer;
  yield Buffer.from('\\.\n\n');
}

async function sequenceStatements(client: pg.Client): Promise<string> {
  const sequences = await listSequences(client);
  const values = await readSequences(client, sequences);
  const lines = [...values].map(
    ([name, { lastValue, isCalled }]) => `SELECT pg_catalog.setval(${quoteText(name)}, ${lastValue}, ${isCalled});`,
  );
  return `\n${lines.join('\n')}\n\n`;
}
