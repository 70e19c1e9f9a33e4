import { BackupFailure } from '../failures.ts';
import type { ByteReader } from './byte-reader.ts';
import { copyBlock } from './copy-data.ts';
import type { OpenArchive, RestoreItem, ScriptItem } from './items.ts';
import { isOfDatabase } from './one-database.ts';
import { findStatement, skipBlanks } from './sql-statements.ts';

const FIRST_PIECE = 64 * 1024;
/** Most statements are shorter; for a longer one it is doubled. */
const SCAN_BYTES = 2048;
const COMPLETE = '-- PostgreSQL database dump complete';
const HEADER = /^-- PostgreSQL database dump\s*$/m;
const HEADER_OF_ALL = /^\s*(?:--\s*)?-- PostgreSQL database cluster dump\b/;
const COPY = /^COPY\s+((?:"(?:[^"]|"")*"|[^\s("])+)\s*(?:\([^]*\))?\s+FROM\s+stdin\s*(?:;|WITH\b)/i;
const ABOUT_ROLES =
  /^(GRANT\b|REVOKE\b|ALTER DEFAULT PRIVILEGES\b|(RE)?SET SESSION AUTHORIZATION\b|ALTER ("[^"]*"|[^;"])* OWNER TO ("[^"]*"|[^;"])*;$)/i;

/**
 * Reads an SQL script as pg_dump writes it: statements, and blocks of rows for COPY. A script that ends without the line
 * that pg_dump writes last is not whole.
 */
export async function openPlainArchive(reader: ByteReader): Promise<OpenArchive> {
  await reader.fill(FIRST_PIECE);
  const start = reader.buffered.subarray(0, FIRST_PIECE).toString('latin1');
  if (HEADER_OF_ALL.test(start)) {
    throw new BackupFailure('unsupported', 'it is a script of pg_dumpall: roles, and all databases of a server', {
      remedy: 'run it with psql, or dump each database by itself with pg_dump',
    });
  }
  return {
    format: 'plain',
    dumpVersion: /^-- Dumped by pg_dump version (\S+)/m.exec(start)?.[1],
    serverVersion: /^-- Dumped from database version (\S+)/m.exec(start)?.[1],
    itemCount: undefined,
    items: readItems(reader, HEADER.test(start)),
  };
}

async function* readItems(reader: ByteReader, isOfPgDump: boolean): AsyncGenerator<RestoreItem, void, undefined> {
  let mayConnect = false;
  let hasConnected = false;
  for (let count = 0; ; count++) {
    const { text, isRest, blanks, isConnected } = await nextStatement(reader, mayConnect);
    // a script by --create makes its database, connects to it once, and sets all settings again
    hasConnected ||= isConnected;
    mayConnect = isOfPgDump && !hasConnected && (mayConnect || isOfDatabase(text));
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
  /** Whether psql is told to connect to the database before it. */
  readonly isConnected: boolean;
}

async function nextStatement(reader: ByteReader, mayConnect = false): Promise<NextStatement> {
  let blanks = '';
  let isConnected = false;
  for (let size = SCAN_BYTES; ; size *= 2) {
    const isMore = await reader.fill(size);
    const text = reader.buffered.subarray(0, size).toString('latin1');
    if (skipBlanks(text) === text.length && isMore) continue;
    const command = metaCommand(text, mayConnect && !isConnected);
    if (command !== undefined) {
      if (command.end === text.length && isMore) continue;
      isConnected ||= command.connects;
      blanks += text.slice(0, command.end);
      reader.skip(command.end);
      size = SCAN_BYTES / 2;
      continue;
    }
    const found = findStatement(text);
    if (found) {
      reader.skip(found.end);
      return { text: text.slice(found.start, found.end), isRest: false, blanks, isConnected };
    }
    if (!isMore) return { text, isRest: true, blanks: blanks + text, isConnected };
  }
}

/**
 * A command of psql, with what is before it, when a script has one next. `\restrict` and `\unrestrict` tell psql alone
 * what it may do in between (they came with the releases of August 2025).
 */
function metaCommand(text: string, mayConnect: boolean): { end: number; connects: boolean } | undefined {
  const at = skipBlanks(text);
  if (text.charAt(at) !== '\\') return undefined;
  const lineEnd = text.indexOf('\n', at);
  const line = text.slice(at, lineEnd < 0 ? text.length : lineEnd);
  const connects = line.startsWith('\\connect ');
  // the name of the database may need it
  const isForConnecting = connects || line.startsWith('\\encoding ');
  if (lineEnd >= 0 && !(isForConnecting && mayConnect) && !/^\\(un)?restrict\b/.test(line)) {
    throw new BackupFailure('unsupported', `the script tells psql to ${line.slice(0, 40)}, which only psql can do`, {
      remedy: 'adopt a script as pg_dump makes it of one database, or restore it with psql',
    });
  }
  return { end: lineEnd < 0 ? text.length : lineEnd + 1, connects };
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
