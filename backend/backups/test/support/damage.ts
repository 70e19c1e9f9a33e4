import { createHash } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { readManifest, writeManifest } from '../../src/manifest/document.ts';
import type { Manifest } from '../../src/manifest/schema.ts';

/** The cheapest level that finds a damage. */
export type FoundBy = 'listing' | 'decode' | 'restore' | 'exact';

/** What a case may damage. */
export interface DamageTarget {
  /** Folder of a copy of a good backup. */
  readonly folder: string;
  readonly id: string;
  /** Folder of another good backup, of a database that looks just like it. */
  readonly twin: string;
}

/** One way in which a backup can be bad. */
export interface DamageCase {
  readonly name: string;
  /** After it was stored, or already when it was made, so that the hashes in the manifest are those of the bad file. */
  readonly when: 'stored' | 'made';
  readonly foundBy: FoundBy;
  readonly apply: (target: DamageTarget) => void;
}

const DUMP = 'database.sql.zst';
const dumpOf = ({ folder }: DamageTarget): string => path.join(folder, DUMP);

/** Makes the manifest say of the dump what it is now: as if it had been made that way. */
function reseal({ folder, id }: DamageTarget): void {
  const file = path.join(folder, 'manifest.json');
  const manifest = readManifest(readFileSync(file, 'utf8'), id);
  const content = readFileSync(path.join(folder, DUMP));
  const sealed = { sizeBytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
  const files: Manifest['files'] = manifest.files.map((entry) =>
    entry.role === 'dump' ? { ...entry, ...sealed } : entry,
  );
  writeFileSync(file, writeManifest({ ...manifest, files }));
}

/** A dump that was made with other content. */
const made = (name: string, foundBy: FoundBy, edit: (script: string) => string): DamageCase => ({
  name,
  when: 'made',
  foundBy,
  apply(target) {
    const script = zstdDecompressSync(readFileSync(dumpOf(target))).toString('latin1');
    const edited = edit(script);
    if (edited === script) throw new Error(`${name}: nothing was damaged`);
    writeFileSync(dumpOf(target), zstdCompressSync(Buffer.from(edited, 'latin1')));
    reseal(target);
  },
});

/** A dump that was made with other bytes. */
const madeOf = (name: string, foundBy: FoundBy, change: (target: DamageTarget) => void): DamageCase => ({
  name,
  when: 'made',
  foundBy,
  apply(target) {
    change(target);
    reseal(target);
  },
});

const stored = (name: string, foundBy: FoundBy, apply: (target: DamageTarget) => void): DamageCase => ({
  name,
  when: 'stored',
  foundBy,
  apply,
});

function flipBit(file: string, share: number): void {
  const handle = openSync(file, 'r+');
  const byte = Buffer.alloc(1);
  const at = Math.floor(readFileSync(file).length * share);
  readSync(handle, byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ 1;
  writeSync(handle, byte, 0, 1, at);
  closeSync(handle);
}

const truncate = (target: DamageTarget, size: (whole: number) => number): void =>
  truncateSync(dumpOf(target), size(readFileSync(dumpOf(target)).length));

/** The block of rows of a table, with its heading. */
const rowsOf = (table: string): RegExp => new RegExp(`COPY "public"\\."${table}"[^;]*;\\n([^]*?)\\\\\\.\\n`);
const withRows = (script: string, table: string, change: (rows: string) => string): string =>
  script.replace(rowsOf(table), (block, rows: string) => block.replace(rows, change(rows)));
/** A statement that begins with a text, up to its end of line. */
const without = (script: string, beginning: string): string =>
  script.replace(new RegExp(`^${beginning.replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&')}[^;]*;\\n`, 'm'), '');

export const DAMAGE: readonly DamageCase[] = [
  stored('truncated to 70 %', 'decode', (target) => truncate(target, (size) => Math.floor(size * 0.7))),
  stored('the last 200 bytes are cut off', 'decode', (target) => truncate(target, (size) => size - 200)),
  stored('one bit is flipped', 'decode', (target) => flipBit(dumpOf(target), 0.5)),
  stored('the last bit is flipped', 'decode', (target) => flipBit(dumpOf(target), 0.999)),
  stored('the file is empty', 'decode', (target) => truncate(target, () => 0)),
  stored('the file is missing', 'decode', (target) => rmSync(dumpOf(target))),
  stored('another backup lies in its place', 'decode', (target) =>
    copyFileSync(path.join(target.twin, DUMP), dumpOf(target)),
  ),
  stored('the roles were changed', 'decode', ({ folder }) => flipBit(path.join(folder, 'globals.sql'), 0.5)),
  stored('a bit of the manifest is flipped', 'listing', ({ folder }) =>
    flipBit(path.join(folder, 'manifest.json'), 0.5),
  ),
  madeOf('0 bytes, reported as a success', 'decode', (target) => writeFileSync(dumpOf(target), '')),
  madeOf('nothing, compressed', 'decode', (target) => writeFileSync(dumpOf(target), zstdCompressSync(Buffer.alloc(0)))),
  madeOf('compression was cut off', 'decode', (target) => truncate(target, (size) => Math.floor(size * 0.6))),
  made('pg_dump was killed and nobody noticed', 'decode', (script) => script.slice(0, Math.floor(script.length * 0.6))),
  made('pg_dump was killed between two tables', 'decode', (script) =>
    script.slice(0, script.indexOf('COPY "public"."orders"')),
  ),
  made('the schema without its rows', 'decode', (script) =>
    ['customers', 'orders'].reduce((text, table) => text.replace(rowsOf(table), ''), script),
  ),
  made('a table is missing', 'decode', (script) => withoutTable(script, 'orders')),
  made('an empty table is missing', 'exact', (script) => withoutTable(script, 'empty_one')),
  made('only the rows that row security shows', 'decode', (script) =>
    withRows(script, 'customers', (rows) =>
      rows
        .split('\n')
        .filter((row) => row === '' || row.endsWith('\t3'))
        .join('\n'),
    ),
  ),
  made('rows are there twice', 'decode', (script) => withRows(script, 'customers', (rows) => rows + rows)),
  made('rows of another moment, as many as expected', 'exact', (script) =>
    withRows(script, 'customers', (rows) => rows.replace('customer 500', 'customer 5oo')),
  ),
  made('a digit after the point is lost', 'exact', (script) =>
    withRows(script, 'orders', (rows) => rows.replace(/\t0\.25\n/, '\t0.20\n')),
  ),
  madeOf('of another database that looks just like it', 'exact', (target) =>
    copyFileSync(path.join(target.twin, DUMP), dumpOf(target)),
  ),
  made('of an old schema, without a column', 'exact', (script) =>
    withRows(script, 'customers', (rows) => rows.replaceAll(/\t\d+\n/g, '\n'))
      .replace(/,\n {4}tenant integer NOT NULL\n/, '\n')
      .replace('("id", "name", "tenant")', '("id", "name")'),
  ),
  made('orphaned rows, which a foreign key refuses', 'restore', (script) =>
    withRows(script, 'orders', (rows) => rows.replace(/^(1\t)\d+/, '$1999999')),
  ),
  made('a statement is garbled', 'restore', (script) =>
    script.replace('CREATE TABLE public.empty_one (', 'CREATE TABEL public.empty_one ('),
  ),
  made('an index is missing', 'exact', (script) => without(script, 'CREATE INDEX customers_name')),
  made('a constraint is missing', 'exact', (script) =>
    script.replace(/,\n {4}CONSTRAINT orders_total_check CHECK \([^\n]*\)\n/, '\n'),
  ),
  made('a foreign key is missing', 'exact', (script) =>
    script.replace(/ALTER TABLE ONLY public\.orders\n {4}ADD CONSTRAINT orders_customer_fkey[^;]*;\n/, ''),
  ),
  made('a trigger is missing', 'exact', (script) => without(script, 'CREATE TRIGGER checked')),
  made('a view is missing', 'exact', (script) =>
    without(without(script, 'CREATE VIEW public.large_orders'), 'ALTER VIEW public.large_orders'),
  ),
  made('sequences stand at their beginning', 'exact', (script) =>
    script.replace(/SELECT pg_catalog\.setval\('"public"\."numbers"[^;]*;/, ''),
  ),
  made('large objects are left out', 'exact', (script) => script.replaceAll(/^.*\b81001\b.*\n/gm, '')),
  made('rights are left out', 'exact', (script) => without(script, 'GRANT SELECT ON TABLE public.customers')),
];

function withoutTable(script: string, table: string): string {
  return script
    .replace(rowsOf(table), '')
    .replaceAll(
      new RegExp(
        `^(CREATE TABLE|ALTER TABLE|ALTER TABLE ONLY|CREATE TRIGGER|CREATE VIEW|ALTER VIEW)[^;]*\\b(${table}|large_${table})\\b[^;]*;\\n`,
        'gm',
      ),
      '',
    );
}

/** What each level said of a bad backup. */
export interface Detection {
  readonly name: string;
  readonly when: DamageCase['when'] | 'storing';
  readonly decode: boolean;
  readonly restore: boolean;
  readonly exact: boolean;
  /** What `exact` said. */
  readonly reason: string;
}

/** The cheapest level that found it. */
export function cheapest({
  decode,
  restore,
  exact,
}: Pick<Detection, 'decode' | 'restore' | 'exact'>): FoundBy | 'nothing' {
  if (decode) return 'decode';
  if (restore) return 'restore';
  return exact ? 'exact' : 'nothing';
}
