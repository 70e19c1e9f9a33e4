import { quoteName } from '../connection/session.ts';
import type { ColumnForm, ManifestTable } from './schema.ts';

/** Types for which equal hashes mean equal text, with the form in which they are hashed; all others go as text. */
const FORMS = {
  int2: 'int2',
  int4: 'int4',
  int8: 'int8',
  oid: 'oid',
  uuid: 'uuid',
  text: 'string',
  varchar: 'string',
  float4: 'float4',
  float8: 'float8',
  numeric: 'numeric',
  bool: 'element',
  date: 'element',
  time: 'element',
  timestamp: 'timestamp',
  timestamptz: 'timestamptz',
  bytea: 'element',
  name: 'element',
  char: 'element',
} as const satisfies Record<string, ColumnForm>;

/** How a column goes into the checksum; a type of one's own by what its output function makes of it, as in a dump. */
export function formOf(type: string, isSystem: boolean): ColumnForm {
  if (!isSystem) return 'output';
  return type in FORMS ? FORMS[type as keyof typeof FORMS] : 'text';
}

/** A collation for which `a` and `A` are equal would hash them alike. */
const asBytes = (text: string): string => `${text} COLLATE "C"`;

/** 64 bits of a value, and null for null. Functions of one type each: hash_record_extended takes twice their time. */
const HASHES: Record<ColumnForm, (value: string, seed: number) => string> = {
  int2: (value, seed) => `hashint2extended(${value}, ${seed})`,
  int4: (value, seed) => `hashint4extended(${value}, ${seed})`,
  // as the seed, which counts whole: hashint8extended folds its value to 32 bits
  int8: (value, seed) => `hashint4extended(${seed}, ${value})`,
  oid: (value, seed) => `hashoidextended(${value}, ${seed})`,
  uuid: (value, seed) => `uuid_hash_extended(${value}, ${seed})`,
  string: (value, seed) => `hashtextextended(${asBytes(value)}, ${seed})`,
  timestamp: (value, seed) => `timestamp_hash_extended(${value}, ${seed})`,
  // it has a function of its own since 18 alone; a zone as an interval is a subtraction
  timestamptz: (value, seed) => HASHES.timestamp(`timezone(interval '0', ${value})`, seed),
  element: (value, seed) => `hash_array_extended(ARRAY[${value}], ${seed})`,
  float4: (value, seed) => HASHES.element(`float4send(${value})`, seed),
  float8: (value, seed) => HASHES.element(`float8send(${value})`, seed),
  // 1.0 and 1.00 are equal, and not the same; what is not a number has no scale
  numeric: (value, seed) =>
    `hash_numeric_extended(${value}, ${seed}00000::bigint + coalesce(scale(${value}), hashtext(${asBytes(`${value}::text`)})))`,
  text: (value, seed) => HASHES.string(`${value}::text`, seed),
  // a type of one's own may have a cast to text that loses something; a composite of nulls is null and not null
  output: (value, seed) =>
    `CASE WHEN ${value} IS DISTINCT FROM NULL THEN ${HASHES.string(`format('%s', ${value})`, seed)} END`,
};

/**
 * SQL for the hash of a row of `t`: each column is hashed with its position as the seed, and what they have in common is
 * mixed again, so that values which change places between columns or rows are noticed.
 *
 * @returns an expression of the type bigint, never null
 */
export function rowHash(columns: ManifestTable['columns']): string {
  const hashes = columns.map(({ name, form }, i) => {
    const seed = i + 1;
    return `coalesce(${HASHES[form](`t.${quoteName(name)}`, seed)}, ${seed})`;
  });
  return `hashint4extended(0, ${['0::bigint', ...hashes].join(' # ')})`;
}
