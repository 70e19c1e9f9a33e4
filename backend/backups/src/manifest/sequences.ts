import type pg from 'pg';
import { quoteQualified, quoteText } from '../connection/session.ts';
import type { ManifestSequence } from './schema.ts';

/** Values of sequences, by quoted name. */
export type SequenceValues = ReadonlyMap<string, ManifestSequence['before']>;

/** A sequence of the catalogue. */
export type ListedSequence = Pick<ManifestSequence, 'schema' | 'name' | 'increment' | 'isCyclic'>;

/** Lists the sequences whose value belongs into a dump. */
export async function listSequences(client: pg.Client): Promise<ListedSequence[]> {
  const { rows } = await client.query<ListedSequence>(`
SELECT n.nspname AS schema, c.relname AS name, s.seqincrement::text AS increment, s.seqcycle AS "isCyclic"
FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    OR EXISTS (SELECT FROM pg_extension e WHERE c.oid = ANY (e.extconfig)))
ORDER BY 1, 2`);
  return rows;
}

const BATCH = 100;

/**
 * Reads the values of sequences as they are now: no snapshot holds them still. The session must be in a transaction. Its
 * locks on them are given up at once: pg_dump would wait for ever behind a DROP SEQUENCE that waits for this transaction.
 */
export async function readSequences(client: pg.Client, sequences: readonly ListedSequence[]): Promise<SequenceValues> {
  const values = new Map<string, ManifestSequence['before']>();
  for (let i = 0; i < sequences.length; i += BATCH) {
    const parts = sequences.slice(i, i + BATCH).map(({ schema, name }) => {
      const qualified = quoteQualified(schema, name);
      return `SELECT ${quoteText(qualified)} AS name, last_value::text AS last, is_called AS called FROM ${qualified}`;
    });
    await client.query('SAVEPOINT sequences');
    const { rows } = await client.query<{ name: string; last: string; called: boolean }>(parts.join(' UNION ALL '));
    await client.query('ROLLBACK TO SAVEPOINT sequences; RELEASE SAVEPOINT sequences');
    for (const { name, last, called } of rows) values.set(name, { lastValue: last, isCalled: called });
  }
  return values;
}

/** Joins what was read before the dump and after it. */
export function joinSequences(
  sequences: readonly ListedSequence[],
  before: SequenceValues,
  after: SequenceValues,
): ManifestSequence[] {
  return sequences.map((sequence) => {
    const key = quoteQualified(sequence.schema, sequence.name);
    const first = before.get(key);
    if (!first) throw new Error(`sequence ${key} was not read`);
    return { ...sequence, before: first, after: after.get(key) ?? first };
  });
}

/** Whether a restored sequence stands where it stood at some moment of the dump. */
export function sequenceFits(sequence: ManifestSequence, found: ManifestSequence['before']): boolean {
  if (sequence.isCyclic) return true;
  const next = ({ lastValue, isCalled }: ManifestSequence['before']): bigint =>
    BigInt(lastValue) + (isCalled ? BigInt(sequence.increment) : 0n);
  const bounds = [next(sequence.before), next(sequence.after)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const value = next(found);
  return value >= (bounds[0] as bigint) && value <= (bounds[1] as bigint);
}
