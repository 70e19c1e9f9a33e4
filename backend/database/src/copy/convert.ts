import type { SQLOutputValue } from 'node:sqlite';
import type { TargetColumn } from './postgres-target.ts';
import { parseMoment, type Moments } from './moments.ts';

/** A value that fits its column's type by no rule. */
export class ConversionError extends Error {}

/** How a kind of column takes values: as text that PostgreSQL reads, and in one form for both sides to compare. */
export interface Conversion {
  /** The text to insert. */
  write(value: Exclude<SQLOutputValue, null>): string;
  /** SQL that makes the value of the text `x`. */
  readonly input: (x: string, type: string) => string;
  /** SQL that gives the stored value as text. */
  readonly output: (column: string) => string;
  /** One form for equal values, from what was written and from what was read. */
  canonical(text: string): string;
}

const cast = (x: string, type: string): string => `${x}::${type}`;
const asText = (column: string): string => `${column}::text`;
const same = (text: string): string => text;

/** How values go into a column. */
export function conversionFor({ kind }: TargetColumn, moments: Moments): Conversion {
  switch (kind) {
    case 'bool':
      return { write: boolean, input: cast, output: asText, canonical: same };
    case 'int2':
    case 'int4':
    case 'int8':
    case 'oid':
      return { write: wholeNumber, input: cast, output: asText, canonical: same };
    case 'float8':
      return { write: float, input: cast, output: asText, canonical: (text) => String(Number(text)) };
    case 'float4':
      return { write: float, input: cast, output: asText, canonical: (text) => String(Math.fround(Number(text))) };
    case 'numeric':
      return { write: decimal, input: cast, output: asText, canonical: canonicalDecimal };
    case 'timestamptz':
    case 'timestamp':
      return moment(moments);
    case 'date':
      return { write: (value) => date(value, moments), input: cast, output: asText, canonical: same };
    case 'bytea':
      return {
        write: bytes,
        input: (x) => `decode(${x}, 'hex')`,
        output: (column) => `encode(${column}, 'hex')`,
        canonical: same,
      };
    case 'uuid':
      return { write: uuid, input: cast, output: asText, canonical: (text) => text.toLowerCase() };
    case 'json':
    case 'jsonb':
      return { write: json, input: cast, output: asText, canonical: canonicalJson };
    case 'bpchar':
      return { write: text, input: cast, output: asText, canonical: (padded) => padded.trimEnd() };
    default:
      return { write: text, input: cast, output: asText, canonical: same };
  }
}

/** Types whose text PostgreSQL writes as it was given: for all others the written text is brought into its form by the server. */
export const KINDS_WITH_OWN_FORM: readonly string[] = [
  ...[
    'bool',
    'int2',
    'int4',
    'int8',
    'oid',
    'float4',
    'float8',
    'numeric',
    'timestamptz',
    'timestamp',
    'date',
    'bytea',
  ],
  ...['uuid', 'json', 'jsonb', 'bpchar', 'text', 'varchar', 'citext', 'enum', 'name'],
];

type Value = Exclude<SQLOutputValue, null>;

function shown(value: Value | Uint8Array): string {
  const whole = value instanceof Uint8Array ? `a blob of ${value.length} bytes` : JSON.stringify(String(value));
  return whole.length > 40 ? `${whole.slice(0, 40)}…` : whole;
}

const refuse = (value: Value | Uint8Array, what: string): never => {
  throw new ConversionError(`${shown(value)} is no ${what}`);
};

const TRUE = ['1', 't', 'true', 'y', 'yes', 'on'];
const FALSE = ['0', 'f', 'false', 'n', 'no', 'off'];

function boolean(value: Value): string {
  const word = String(value).toLowerCase();
  if (TRUE.includes(word)) return 'true';
  return FALSE.includes(word) ? 'false' : refuse(value, 'boolean');
}

function wholeNumber(value: Value): string {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value);
  const written = typeof value === 'bigint' || typeof value === 'string' ? String(value).trim() : '';
  return /^[+-]?\d+$/.test(written) ? String(BigInt(written.replace(/^\+/, ''))) : refuse(value, 'whole number');
}

function float(value: Value): string {
  if (value instanceof Uint8Array) return refuse(value, 'number');
  const number = Number(value);
  if (typeof value === 'bigint' && BigInt(number) !== value) return refuse(value, 'number that a float can hold');
  const isNumber = String(value).trim() !== '' && !Number.isNaN(number);
  return isNumber ? String(number) : refuse(value, 'number');
}

function decimal(value: Value): string {
  const written = value instanceof Uint8Array ? '' : String(value).trim();
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(written) ? written : refuse(value, 'number');
}

/** Without exponent, leading and trailing zeros: equal numbers get equal texts, of any length. */
export function canonicalDecimal(written: string): string {
  const match = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(written);
  if (!match) return written; // NaN, Infinity
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const digits = (whole + fraction).replace(/^0+/, '');
  const trimmed = digits.replace(/0+$/, '');
  if (trimmed === '') return '0';
  const scale = Number(exponent) - fraction.length + (digits.length - trimmed.length);
  return `${sign === '-' ? '-' : ''}${trimmed}e${scale}`;
}

function text(value: Value): string {
  const written = value instanceof Uint8Array ? decoded(value) : String(value);
  if (written.includes('\0'))
    throw new ConversionError(`${shown(value)} holds a NUL character, which PostgreSQL cannot store in a text`);
  return written;
}

function decoded(value: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(value);
  } catch {
    return refuse(value, 'text in UTF-8');
  }
}

function bytes(value: Value): string {
  if (typeof value === 'number' || typeof value === 'bigint') return refuse(value, 'blob');
  return Buffer.from(value as Uint8Array | string).toString('hex');
}

const UUID = /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/i;

function uuid(value: Value): string {
  const written = value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value).trim();
  if (!UUID.test(written)) return refuse(value, 'UUID');
  const digits = written.replaceAll('-', '').toLowerCase();
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

function json(value: Value): string {
  const written = text(value);
  try {
    JSON.parse(written);
    return written;
  } catch {
    return refuse(value, 'JSON');
  }
}

/** Keys sorted, numbers by their value whatever their length. */
export function canonicalJson(written: string): string {
  const parsed: unknown = JSON.parse(written, (_key, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' ? { '\u0000n': canonicalDecimal(context?.source ?? String(value)) } : value,
  );
  return JSON.stringify(parsed, (_key, value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}

function moment(moments: Moments): Conversion {
  return {
    write(value) {
      const micros = parseMoment(value, moments);
      return micros === undefined ? refuse(value, 'point in time') : String(micros);
    },
    // in two steps: seconds as a float would lose microseconds
    input: (x, type) =>
      `((timestamptz 'epoch' + (${x}::bigint / 1000000) * interval '1 second' + (${x}::bigint % 1000000) * interval '1 microsecond')${
        type.includes('without') ? ` AT TIME ZONE 'UTC'` : ''
      })::${type}`,
    output: (column) => `((extract(epoch FROM ${column}) * 1000000)::bigint)::text`,
    canonical: same,
  };
}

const DAY_MICROS = 86_400_000_000n;

function date(value: Value, moments: Moments): string {
  const micros = parseMoment(value, moments);
  if (micros === undefined) return refuse(value, 'date');
  if (micros % DAY_MICROS !== 0n)
    throw new ConversionError(`${shown(value)} has a time of day, which a date would lose`);
  return new Date(Number(micros / 1000n)).toISOString().slice(0, 10);
}
