import { isDeepStrictEqual } from 'node:util';
import { quoteQualified } from '../connection/session.ts';
import { BackupFailure } from '../failures.ts';
import { truncated, type ByteReader } from './byte-reader.ts';
import { blockData } from './custom-data.ts';
import { entrySql, isAboutRights, isOfDatabase, ownerSql, passOf, PREAMBLE } from './custom-sql.ts';
import { readCustomHeader, readEntries, readInt, type CustomHeader, type TocEntry } from './custom-toc.ts';
import type { OpenArchive, RestoreItem } from './items.ts';
import { withoutEndMarker } from './copy-data.ts';

const BLOCK_DATA = 1;
const BLOCK_LARGE_OBJECTS = 3;

/**
 * Reads pg_dump's own format from a stream, in the order in which pg_restore would run it. Every block of data that the
 * table of contents announces must come.
 */
export async function openCustomArchive(reader: ByteReader): Promise<OpenArchive> {
  const header = await readCustomHeader(reader);
  return {
    format: `custom ${Math.floor(header.version / 1000)}.${header.version % 1000}`,
    dumpVersion: header.dumpVersion,
    serverVersion: header.serverVersion,
    itemCount: header.entries.length,
    items: readItems(reader, header),
  };
}

async function* readItems(reader: ByteReader, header: CustomHeader): AsyncGenerator<RestoreItem, void, undefined> {
  const entries = header.entries.filter((entry) => !isOfDatabase(entry));
  const byId = new Map(entries.map((entry) => [entry.dumpId, entry]));
  yield { kind: 'sql', sql: PREAMBLE, label: 'session settings' };
  for (const pass of [1, 2, 3] as const) {
    for (const entry of entries) {
      if (passOf(entry) !== pass) continue;
      const label = [entry.type, entry.schema, entry.tag].filter(Boolean).join(' ');
      const sql = entrySql(entry, byId);
      if (sql !== '') yield { kind: 'sql', sql, label, isAboutRoles: isAboutRights(entry) };
      const owner = ownerSql(entry);
      if (owner !== '') yield { kind: 'sql', sql: owner, label: `owner of ${label}`, isAboutRoles: true };
      if (entry.hasData) yield* readBlock(reader, header, entry);
    }
  }
  if (await reader.fill(1)) await readContentsAgain(reader, header);
}

/**
 * Since version 16, pg_dump opens its standard output for appending. When that is a file, `pg_dump -Fc > file`, the table
 * of contents that it means to overwrite comes a second time, at the end. Nothing else may be there.
 */
async function readContentsAgain(reader: ByteReader, header: CustomHeader): Promise<void> {
  const again = await readEntries(reader, header).catch(() => undefined);
  if (!isDeepStrictEqual(again, header.entries) || (await reader.fill(1)))
    throw new BackupFailure('damaged', 'something follows where the dump should end');
}

async function* readBlock(
  reader: ByteReader,
  header: CustomHeader,
  entry: TocEntry,
): AsyncGenerator<RestoreItem, void, undefined> {
  if (!(await reader.fill(1))) throw truncated(reader.position);
  const type = reader.take(1)[0];
  const dumpId = await readInt(reader, header.intSize);
  if (dumpId !== entry.dumpId || (type !== BLOCK_DATA && type !== BLOCK_LARGE_OBJECTS)) {
    const found = `block ${dumpId} of type ${type}`;
    throw new BackupFailure('damaged', `the data of ${entry.tag} is not where it should be: found ${found}`);
  }
  if (type === BLOCK_LARGE_OBJECTS) return yield* readLargeObjects(reader, header);
  const data = blockData(reader, header);
  const table = quoteQualified(entry.schema, entry.tag);
  // without a COPY statement the rows are INSERT statements
  if (entry.copyStatement !== '') {
    yield { kind: 'copy', sql: entry.copyStatement.replace(/;\s*$/, ''), table, data: withoutEndMarker(data) };
  } else {
    yield { kind: 'script', table, data };
  }
}

async function* readLargeObjects(
  reader: ByteReader,
  header: CustomHeader,
): AsyncGenerator<RestoreItem, void, undefined> {
  for (let oid = await readInt(reader, header.intSize); oid !== 0; oid = await readInt(reader, header.intSize))
    yield { kind: 'large-object', oid, data: blockData(reader, header) };
}
