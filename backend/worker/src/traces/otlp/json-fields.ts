import { DecodeError } from './bounds.ts';

/** An object of JSON whose fields are not known yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** @throws DecodeError when it is no object */
export function object(value: unknown, name: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new DecodeError(`${name} is not an object`);
}

/** The objects of a list; a list that is absent is empty. */
export function array(from: JsonObject, name: string): JsonObject[] {
  const value = from[name];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new DecodeError(`${name} is not a list`);
  return value.map((entry) => object(entry, name));
}

/** A text; an absent one is undefined. */
export function text(from: JsonObject, name: string): string | undefined {
  return field(from, name, (value) => (typeof value === 'string' ? value : undefined));
}

export function bool(from: JsonObject, name: string): boolean | undefined {
  return field(from, name, (value) => (typeof value === 'boolean' ? value : undefined));
}

/** An unsigned 32-bit integer. */
export function count(from: JsonObject, name: string): number | undefined {
  return field(from, name, (value) => {
    const number = Number(value);
    return Number.isInteger(number) && number >= 0 && number < 2 ** 32 ? number : undefined;
  });
}

/** A signed 64-bit integer, written as text or as a number, as decimal text. */
export function int64(from: JsonObject, name: string): string | undefined {
  return field(from, name, (value) => {
    if (typeof value === 'number' && Number.isInteger(value)) return BigInt.asIntN(64, BigInt(value)).toString();
    return typeof value === 'string' && /^-?\d{1,19}$/.test(value) ? value : undefined;
  });
}

/** Nanoseconds since 1970, written as text or as a number, as decimal text. */
export function nanos(from: JsonObject, name: string): string | undefined {
  return field(from, name, (value) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0)
      return BigInt.asUintN(64, BigInt(value)).toString();
    return typeof value === 'string' && /^\d{1,20}$/.test(value) ? value : undefined;
  });
}

export function double(from: JsonObject, name: string): number | 'NaN' | 'Infinity' | '-Infinity' | undefined {
  return field(from, name, (value) => {
    if (typeof value === 'number') return Number.isFinite(value) ? value : value > 0 ? 'Infinity' : '-Infinity';
    return value === 'NaN' || value === 'Infinity' || value === '-Infinity' ? value : undefined;
  });
}

export function base64(from: JsonObject, name: string): string | undefined {
  return field(from, name, (value) =>
    // written anew: senders also use the URL alphabet or leave the padding out
    typeof value === 'string' ? Buffer.from(value, 'base64').toString('base64') : undefined,
  );
}

/** A field that is absent is undefined; one that cannot be read is an error. */
function field<T>(from: JsonObject, name: string, read: (value: unknown) => T | undefined): T | undefined {
  const value = from[name];
  if (value === undefined || value === null) return undefined;
  const result = read(value);
  if (result === undefined) throw new DecodeError(`${name} cannot be read`);
  return result;
}
