import { BackupFailure } from '../failures.ts';
import type { ByteReader } from './byte-reader.ts';
import { copyBlock } from './copy-data.ts';
import type { OpenArchive, RestoreItem, ScriptItem } from './items.ts';
import { findStatement, skipBlanks } from './sql-statements.ts';

const FIRST_PIECE = 64 * 1024;
/** Most statements are shorter; for a longer one it is doubled. */
const SCAN_BYTES = 2048;
const COMPLETE = '-- PostgreSQL database dump complete';
const HEADER = /^-- PostgreSQL database dump\s*$/m;
const COPY = /^COPY\s+((?:"(?:[^"]|"")*"|[^\s("])+)\s*(?:\([^]*\))?\s+FROM\s+stdin\s*(?:;|WITH\b)/i;
const ABOUT_ROLES = /^(GRANT\b|REVOKE\b|ALTER DEFAULT PRIVILEGES\b|ALTER [^;]* OWNER TO [^;]*;$)/i;

/**
 * Reads an SQL script as pg_dump writes it: statements, and blocks of rows for COPY. A script that ends without the line
 * that pg_dump writes last is not whole.
 */
export async function openPlainArchive(reader: ByteReader): Promise<OpenArchive> {
  await reader.fill(FIRST_PIECE);
  const start = reader.buffered.subarray(0, FIRST_PIECE).toString('latin1');
  return {
    format: 'plain',
    dumpVersion: /^-- Dumped by pg_dump version (\S+)/m.exec(start)?.[1],
    serverVersion: /^-- Dumped from database version (\S+)/m.exec(start)?.[1],
    itemCount: undefined,
    items: readItems(reader, HEADER.test(start)),
  };
}

async function* readItems(reader: ByteReader, isOfPgDump: boolean): AsyncGenerator<RestoreItem, void, undefined> {
  for (let count = 0; ; count++) {
    const { text, isRest, blanks } = await nextStatement(reader);
    if (isRest) {
      if (count === 0) throw new BackupFailure('damaged', 'the script holds no statement');
      if (skipBlanks(text) < text.length)
        throw new BackupFailure('damaged', 'the script ends in the middle of a statement');
      if (isOfPgDump && !blanks.includes(COMPLETE))
        throw new BackupFailure('damaged', 'the script ends before its last line: it is not whole');
      return;
    }
    const copy = COPY.exec(text);
    if (copy) {
      await takeLineBreak(reader);
      const table = copy[1] ?? '';
      yield { kind: 'copy', sql: utf8(text).replace(/;\s*$/, ''), table: utf8(table), data: copyBlock(reader) };
    } else yield { kind: 'sql', sql: utf8(text), label: labelOf(text), isAboutRoles: ABOUT_ROLES.test(text) };
  }
}

/** Bytes were scanned one character each. */
const utf8 = (text: string): string => Buffer.from(text, 'latin1').toString('utf8');

interface NextStatement {
  /** The statement, or all that is left when there is none. */
  readonly text: string;
  readonly isRest: boolean;
  /** Comments before it, or at the end. */
  readonly blanks: string;
}

async function nextStatement(reader: ByteReader): Promise<NextStatement> {
  let blanks = '';
  for (let size = SCAN_BYTES; ; size *= 2) {
    const isMore = await reader.fill(size);
    const text = reader.buffered.subarray(0, size).toString('latin1');
    if (skipBlanks(text) === text.length && isMore) continue;
    const command = metaCommand(text);
    if (command !== undefined) {
      if (command === text.length && isMore) continue;
      blanks += text.slice(0, command);
      reader.skip(command);
      size = SCAN_BYTES / 2;
      continue;
    }
    const found = findStatement(text);
    if (found) {
      reader.skip(found.end);
      return { text: text.slice(found.start, found.end), isRest: false, blanks };
    }
    if (!isMore) return { text, isRest: true, blanks: blanks + text };
  }
}

/**
 * Length of a command of psql, with what is before it, when a script has one next. `\restrict` and `\unrestrict` tell
 * psql alone what it may do in between (they came with the releases of August 2025).
 */
function metaCommand(text: string): number | undefined {
  const at = skipBlanks(text);
  if (text.charAt(at) !== '\\') return undefined;
  const end = text.indexOf('\n', at);
  const line = text.slice(at, end < 0 ? text.length : end);
  if (end >= 0 && !/^\\(un)?restrict\b/.test(line)) {
    throw new BackupFailure('unsupported', `the script tells psql to ${line.slice(0, 40)}, which only psql can do`, {
      remedy: 'adopt a dump of one database that was made without --create, or restore it with psql',
    });
  }
  return end < 0 ? text.length : end + 1;
}

async function takeLineBreak(reader: ByteReader): Promise<void> {
  await reader.fill(2);
  reader.skip(reader.buffered[0] === 13 ? 2 : 1);
}

const labelOf = (text: string): string => utf8(text.slice(0, 160)).split('\n')[0]?.slice(0, 80) ?? '';

/** Runs through the statements of a piece of a script, such as the INSERTs of one table. */
export async function* statementsOf(reader: ByteReader, item: ScriptItem): AsyncGenerator<string, void, undefined> {
  for (;;) {
    const sql = await nextStatement(reader);
    if (!sql.isRest) yield utf8(sql.text);
    else if (skipBlanks(sql.text) < sql.text.length)
      throw new BackupFailure('damaged', `the statements of ${item.table} end in the middle`);
    else return;
  }
}
