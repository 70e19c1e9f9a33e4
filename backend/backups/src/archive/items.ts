/** Rows for COPY, in PostgreSQL's text form. */
export interface CopyItem {
  readonly kind: 'copy';
  /** `COPY … FROM stdin` */
  readonly sql: string;
  /** Name of the table as the dump writes it, such as `public.tracks`; schema and name apart where the dump has them. */
  readonly table: string;
  readonly data: AsyncIterable<Buffer>;
}

/** SQL to run. */
export interface SqlItem {
  readonly kind: 'sql';
  readonly sql: string;
  /** What it makes, such as `INDEX public.tracks_pkey`. */
  readonly label: string;
  /** Whether all it does is to give something to an owner, or rights to roles. */
  readonly isAboutRoles?: boolean;
}

/** A large object with its content; its metadata come as SQL before. */
export interface LargeObjectItem {
  readonly kind: 'large-object';
  readonly oid: number;
  readonly data: AsyncIterable<Buffer>;
}

/** Rows as INSERT statements. */
export interface ScriptItem {
  readonly kind: 'script';
  readonly table: string;
  readonly data: AsyncIterable<Buffer>;
}

/** One step of a restore, in the order in which they are to be done. Data must be read to its end before the next. */
export type RestoreItem = SqlItem | CopyItem | ScriptItem | LargeObjectItem;

/** A dump that is being read. */
export interface OpenArchive {
  /** Such as `custom 1.14` or `plain`. */
  readonly format: string;
  /** The version of pg_dump that made it, when it says. */
  readonly dumpVersion: string | undefined;
  /** The version of the server that was dumped, when it says. */
  readonly serverVersion: string | undefined;
  /** How many items there will be, when that is known. */
  readonly itemCount: number | undefined;
  readonly items: AsyncIterable<RestoreItem>;
}

/** A table's name with every part in quotes: pg_dump quotes one only when it must. */
export function canonicalName(name: string): string {
  return name.replaceAll(/"(?:[^"]|"")*"|[^."]+/g, (part) => (part.startsWith('"') ? part : `"${part}"`));
}
