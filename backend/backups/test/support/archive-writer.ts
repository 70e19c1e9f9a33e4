import { deflateSync, zstdCompressSync } from 'node:zlib';

/** An entry of the table of contents, as a test describes it. */
export interface WrittenEntry {
  readonly tag: string;
  readonly type: string;
  readonly definition?: string;
  readonly drop?: string;
  readonly copy?: string;
  readonly schema?: string;
  readonly owner?: string;
  readonly dependencies?: readonly number[];
  /** Rows as COPY has them, or large objects. */
  readonly data?: Buffer | readonly { readonly oid: number; readonly content: Buffer }[];
}

/** Format versions and how they are compressed. */
export interface ArchiveForm {
  readonly minor: 14 | 15 | 16;
  readonly compression: 'none' | 'gzip' | 'zstd';
  /** As `pg_dump > file` writes it since 16: the table of contents, which then knows where the data lies, comes again. */
  readonly contentsAgain?: boolean;
}

const OFFSET_NOT_SET = 1;
const OFFSET_SET = 2;
const OFFSET_NO_DATA = 3;

/** Writes an archive as pg_dump does when it cannot seek: PostgreSQL's pg_backup_archiver.c and pg_backup_custom.c. */
export function writeArchive(entries: readonly WrittenEntry[], form: ArchiveForm): Buffer {
  const head = Buffer.concat([
    Buffer.from('PGDMP'),
    Buffer.from([1, form.minor, 0, 4, 8, 1]),
    form.minor >= 15
      ? Buffer.from([['none', 'gzip', '', 'zstd'].indexOf(form.compression)])
      : int(form.compression === 'none' ? 0 : 6),
    ...[0, 0, 2, 22, 10, 126, 0].map(int),
    text('tracks'),
    text('15.18'),
    text('15.18'),
  ]);
  const blocks = entries.flatMap((entry, i) => (entry.data === undefined ? [] : [block(i + 1, entry.data, form)]));
  const contents = (state: number): Buffer =>
    Buffer.concat([int(entries.length), ...entries.map((entry, i) => writeEntry(entry, i + 1, form, state))]);
  const again = form.contentsAgain ? [contents(OFFSET_SET)] : [];
  return Buffer.concat([head, contents(OFFSET_NOT_SET), ...blocks, ...again]);
}

function writeEntry(entry: WrittenEntry, dumpId: number, { minor }: ArchiveForm, state: number): Buffer {
  const offset = Buffer.alloc(9);
  offset[0] = entry.data === undefined ? OFFSET_NO_DATA : state;
  return Buffer.concat([
    int(dumpId),
    int(entry.data === undefined ? 0 : 1),
    text('1259'),
    text('16385'),
    text(entry.tag),
    text(entry.type),
    int(2),
    text(entry.definition ?? ''),
    text(entry.drop ?? ''),
    entry.copy === undefined ? int(-1) : text(entry.copy),
    text(entry.schema ?? 'public'),
    text(''),
    text(''),
    ...(minor >= 16 ? [int(0)] : []),
    text(entry.owner ?? ''),
    text('false'),
    ...(entry.dependencies ?? []).map((id) => text(String(id))),
    int(-1),
    offset,
  ]);
}

function block(dumpId: number, data: NonNullable<WrittenEntry['data']>, form: ArchiveForm): Buffer {
  if (Buffer.isBuffer(data)) return Buffer.concat([Buffer.from([1]), int(dumpId), chunked(data, form)]);
  const objects = data.map(({ oid, content }) => Buffer.concat([int(oid), chunked(content, form)]));
  return Buffer.concat([Buffer.from([3]), int(dumpId), ...objects, int(0)]);
}

/** Without compression each row is a chunk; compressed data are cut anywhere. */
function chunked(data: Buffer, { compression }: ArchiveForm): Buffer {
  const packed = { none: (b: Buffer) => b, gzip: deflateSync, zstd: zstdCompressSync }[compression](data);
  const pieces: Buffer[] = [];
  for (let at = 0; at < packed.length;) {
    const line = packed.indexOf(10, at);
    const end = compression === 'none' && line >= 0 ? line + 1 : Math.min(packed.length, at + 37);
    pieces.push(int(end - at), packed.subarray(at, end));
    at = end;
  }
  return Buffer.concat([...pieces, int(0)]);
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = value < 0 ? 1 : 0;
  bytes.writeUInt32LE(Math.abs(value), 1);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([int(bytes.length), bytes]);
}
