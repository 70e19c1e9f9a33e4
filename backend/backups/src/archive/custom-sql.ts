import { quoteName, quoteQualified, quoteText } from '../connection/session.ts';
import type { TocEntry } from './custom-toc.ts';

/**
 * What pg_restore runs before everything else (pg_backup_archiver.c, _doSetFixedOutputState), and what a session has by
 * default that entries change.
 */
export const PREAMBLE = `SET statement_timeout = 0;
SET lock_timeout = 0;
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;`;

/** Which entries come after all the others (_tocEntryRestorePass): rights, and what could run code of the database. */
export function passOf({ type, tag }: TocEntry): 1 | 2 | 3 {
  if (type === 'ACL' || type === 'ACL LANGUAGE' || type === 'DEFAULT ACL') return 2;
  if (type === 'EVENT TRIGGER' || type === 'MATERIALIZED VIEW DATA') return 3;
  const isNote = type === 'COMMENT' || type === 'SECURITY LABEL';
  return isNote && tag.startsWith('EVENT TRIGGER ') ? 3 : 1;
}

/** Of the database itself: made by whoever restores. */
export const isOfDatabase = ({ type }: TocEntry): boolean => type === 'DATABASE' || type === 'DATABASE PROPERTIES';

/** The SQL of an entry, as _printTocEntry has it; empty for one that has data only. */
export function entrySql(entry: TocEntry, entries: ReadonlyMap<number, TocEntry>): string {
  const parts: string[] = [];
  if (entry.definition !== '') {
    if (entry.tablespace !== '') parts.push(`SET default_tablespace = ${quoteName(entry.tablespace)};`);
    const hasMethod = entry.accessMethod !== '' && entry.relationKind !== 'p';
    if (hasMethod) parts.push(`SET default_table_access_method = ${quoteName(entry.accessMethod)};`);
    parts.push(definitionSql(entry, entries));
    if (entry.tablespace !== '') parts.push("SET default_tablespace = '';");
    if (entry.relationKind === 'p' && entry.accessMethod !== '') {
      const name = quoteQualified(entry.schema, entry.tag);
      parts.push(`ALTER TABLE ${name} SET ACCESS METHOD ${quoteName(entry.accessMethod)};`);
    }
  }
  return parts.join('\n');
}

const objectIds = (entry: TocEntry | undefined): string[] => entry?.definition.split('\n').filter(Boolean) ?? [];

function definitionSql(entry: TocEntry, entries: ReadonlyMap<number, TocEntry>): string {
  if (entry.type === 'BLOB METADATA')
    return objectIds(entry)
      .map((oid) => `SELECT pg_catalog.lo_create(${quoteText(oid)});`)
      .join('\n');
  // from 17 on, large objects with the same owner and rights share an entry, written for the first of them
  if (entry.type === 'ACL' && entry.tag.startsWith('LARGE OBJECTS ')) {
    const shared = entry.dependencies.map((id) => entries.get(id)).find((other) => other?.type === 'BLOB METADATA');
    return objectIds(shared)
      .map((oid) => entry.definition.replaceAll(/\bLARGE OBJECT \d+/g, `LARGE OBJECT ${oid}`))
      .join('\n');
  }
  return entry.definition;
}

const IN_A_SCHEMA =
  /^(COLLATION|CONVERSION|DOMAIN|FOREIGN TABLE|MATERIALIZED VIEW|SEQUENCE|STATISTICS|TABLE|TEXT SEARCH (DICTIONARY|CONFIGURATION)|TYPE|VIEW)$/;
const BY_NAME = /^(PROCEDURAL LANGUAGE|SCHEMA|EVENT TRIGGER|FOREIGN DATA WRAPPER|SERVER|PUBLICATION|SUBSCRIPTION)$/;
const WITH_ARGUMENTS = /^(AGGREGATE|FUNCTION|OPERATOR|OPERATOR CLASS|OPERATOR FAMILY|PROCEDURE)$/;

/** Whether an entry gives rights and nothing else. */
export const isAboutRights = ({ type }: TocEntry): boolean => type === 'ACL' || type === 'DEFAULT ACL';

/** Gives an object to its owner (_getObjectDescription names it); empty for what has none of its own. */
export function ownerSql(entry: TocEntry): string {
  if (entry.owner === '' || entry.dropStatement === '') return '';
  const owner = quoteName(entry.owner);
  if (entry.type === 'BLOB METADATA')
    return objectIds(entry)
      .map((oid) => `ALTER LARGE OBJECT ${oid} OWNER TO ${owner};`)
      .join('\n');
  const object = describeObject(entry);
  return object === undefined ? '' : `ALTER ${object} OWNER TO ${owner};`;
}

function describeObject({ type, schema, tag, dropStatement }: TocEntry): string | undefined {
  if (IN_A_SCHEMA.test(type)) return `${type} ${quoteQualified(schema, tag)}`;
  if (BY_NAME.test(type)) return `${type} ${quoteName(tag)}`;
  if (type === 'BLOB') return `LARGE OBJECT ${tag}`;
  if (WITH_ARGUMENTS.test(type)) return dropStatement.replace(/^DROP /, '').replace(/;\s*$/, '');
  return undefined;
}
