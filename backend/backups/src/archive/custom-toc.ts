import { BackupFailure } from '../failures.ts';
import { truncated, type ByteReader } from './byte-reader.ts';

/** One entry of the archive's table of contents. */
export interface TocEntry {
  readonly dumpId: number;
  readonly tag: string;
  /** Such as `TABLE` or `TABLE DATA`. */
  readonly type: string;
  readonly definition: string;
  readonly dropStatement: string;
  readonly copyStatement: string;
  readonly schema: string;
  readonly tablespace: string;
  readonly accessMethod: string;
  /** `p` for a partitioned table; from archive version 1.16 on. */
  readonly relationKind: string;
  readonly owner: string;
  /** Dump ids of other entries. */
  readonly dependencies: readonly number[];
  /** Whether a block of data belongs to it. */
  readonly hasData: boolean;
}

/** Beginning of an archive. */
export interface CustomHeader {
  /** Major and minor version of the format, such as 1014 for 1.14. */
  readonly version: number;
  readonly intSize: number;
  readonly offsetSize: number;
  readonly compression: 'none' | 'gzip' | 'lz4' | 'zstd';
  readonly database: string;
  readonly serverVersion: string;
  readonly dumpVersion: string;
  readonly entries: readonly TocEntry[];
}

const MAGIC = Buffer.from('PGDMP');
/** 1.14 is that of PostgreSQL 12 to 15, 1.15 of 16, 1.16 of 17 and 18. */
const OLDEST = 1014;
const NEWEST = 1016;
const FORMAT_CUSTOM = 1;
const COMPRESSIONS = ['none', 'gzip', 'lz4', 'zstd'] as const;
const OFFSET_NO_DATA = 3;
const LONGEST_TEXT = 512 * 1024 * 1024;

/** Thrown when the bytes at hand are not enough: the same is then read again with more of them. */
class Short extends Error {}

/** Reads the numbers and texts of a header from bytes at hand (pg_backup_archiver.c: ReadInt, ReadStr). */
class Cursor {
  readonly #bytes: Buffer;
  readonly #intSize: number;
  at = 0;

  constructor(bytes: Buffer, intSize: number) {
    this.#bytes = bytes;
    this.#intSize = intSize;
  }

  bytes(count: number): Buffer {
    if (this.at + count > this.#bytes.length) throw new Short();
    this.at += count;
    return this.#bytes.subarray(this.at - count, this.at);
  }

  byte(): number {
    return this.bytes(1)[0] as number;
  }

  int(): number {
    const [sign, ...digits] = this.bytes(1 + this.#intSize);
    const value = digits.reduceRight((sum, digit) => sum * 256 + digit, 0);
    return sign ? -value : value;
  }

  text(): string | undefined {
    const length = this.int();
    if (length < 0) return undefined;
    if (length > LONGEST_TEXT) throw new BackupFailure('damaged', 'the table of contents of the dump is garbled');
    return this.bytes(length).toString('utf8');
  }
}

async function parse<T>(reader: ByteReader, intSize: number, read: (cursor: Cursor) => T): Promise<T> {
  for (;;) {
    const cursor = new Cursor(reader.buffered, intSize);
    try {
      const result = read(cursor);
      reader.skip(cursor.at);
      return result;
    } catch (error) {
      if (!(error instanceof Short)) throw error;
      const { length } = reader.buffered;
      if (!(await reader.fill(Math.max(length * 2, 4096))) && reader.buffered.length === length)
        throw truncated(reader.position + length);
    }
  }
}

/** Whether bytes begin an archive of pg_dump. */
export const isCustomArchive = (start: Buffer): boolean => start.subarray(0, MAGIC.length).equals(MAGIC);

/**
 * Reads header and table of contents.
 *
 * @throws BackupFailure `damaged`, or `unsupported` for a format of another version
 * @see PostgreSQL's src/bin/pg_dump/pg_backup_archiver.c, ReadHead and ReadToc
 */
export async function readCustomHeader(reader: ByteReader): Promise<CustomHeader> {
  const start = await parse(reader, 4, (cursor) => {
    if (!isCustomArchive(cursor.bytes(MAGIC.length)))
      throw new BackupFailure('damaged', 'this is no archive of pg_dump');
    const version = cursor.byte() * 1000 + cursor.byte();
    cursor.byte(); // revision
    return { version, intSize: cursor.byte(), offsetSize: cursor.byte(), format: cursor.byte() };
  });
  const { version, intSize, offsetSize, format } = start;
  if (
    version < OLDEST ||
    version > NEWEST ||
    format !== FORMAT_CUSTOM ||
    intSize < 4 ||
    intSize > 8 ||
    offsetSize > 8
  ) {
    const shown = `${Math.floor(version / 1000)}.${version % 1000}, format ${format}`;
    throw new BackupFailure('unsupported', `archives of version ${shown} are not understood`, {
      remedy: 'restore it with the pg_restore of the version that made it',
    });
  }
  const facts = await parse(reader, intSize, (cursor) => {
    const compression = version >= 1015 ? COMPRESSIONS[cursor.byte()] : cursor.int() === 0 ? 'none' : 'gzip';
    for (let i = 0; i < 7; i++) cursor.int(); // time of the dump
    const [database = '', serverVersion = '', dumpVersion = ''] = [cursor.text(), cursor.text(), cursor.text()];
    return { compression, database, serverVersion, dumpVersion };
  });
  const { compression, ...rest } = facts;
  if (!compression) throw garbledHeader();
  const entries = await readEntries(reader, { version, intSize, offsetSize });
  return { version, intSize, offsetSize, compression, ...rest, entries };
}

const garbledHeader = (): BackupFailure => new BackupFailure('damaged', 'the header of the dump is garbled');

/** Reads a table of contents alone. */
export async function readEntries(
  reader: ByteReader,
  { version, intSize, offsetSize }: Pick<CustomHeader, 'version' | 'intSize' | 'offsetSize'>,
): Promise<TocEntry[]> {
  const count = await readInt(reader, intSize);
  if (count < 0) throw garbledHeader();
  const entries: TocEntry[] = [];
  for (let i = 0; i < count; i++)
    entries.push(await parse(reader, intSize, (cursor) => readEntry(cursor, version, offsetSize)));
  return entries;
}

function readEntry(cursor: Cursor, version: number, offsetSize: number): TocEntry {
  const dumpId = cursor.int();
  cursor.int(); // whether there was a dumper
  cursor.text(); // oid of the catalogue
  cursor.text(); // oid of the object
  const tag = cursor.text() ?? '';
  const type = cursor.text() ?? '';
  cursor.int(); // section
  const definition = cursor.text() ?? '';
  const dropStatement = cursor.text() ?? '';
  const copyStatement = cursor.text() ?? '';
  const schema = cursor.text() ?? '';
  const tablespace = cursor.text() ?? '';
  const accessMethod = cursor.text() ?? '';
  const relationKind = version >= 1016 ? String.fromCharCode(cursor.int()) : '';
  const owner = cursor.text() ?? '';
  cursor.text(); // with oids
  const dependencies: number[] = [];
  for (let id = cursor.text(); id !== undefined; id = cursor.text()) dependencies.push(Number(id));
  const offset = cursor.byte();
  cursor.bytes(offsetSize);
  const hasData = offset !== OFFSET_NO_DATA;
  return {
    dumpId,
    tag,
    type,
    definition,
    dropStatement,
    copyStatement,
    schema,
    tablespace,
    accessMethod,
    relationKind,
    owner,
    dependencies,
    hasData,
  };
}

/** Reads one number of the archive's body. */
export async function readInt(reader: ByteReader, intSize: number): Promise<number> {
  return parse(reader, intSize, (cursor) => cursor.int());
}
