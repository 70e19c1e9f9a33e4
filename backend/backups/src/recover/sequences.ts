import type pg from 'pg';
import { quoteName, quoteQualified } from '../connection/session.ts';
import type { StagedRows } from './stage.ts';

/** A sequence that would give out again what recovered rows have. */
export interface SequenceMove {
  readonly schema: string;
  readonly name: string;
  readonly isDescending: boolean;
  /** Whose values it gives. */
  readonly column: string;
  /** The last value that it gave; null when it has given none. */
  readonly from: string | null;
  readonly to: string;
}

/** Finds the sequences of a table that are behind the values of its staged rows. */
export async function sequencesBehind(client: pg.Client, staged: StagedRows): Promise<SequenceMove[]> {
  const moves: SequenceMove[] = [];
  const { table, staging, columns } = staged;
  for (const { least, most, ...sequence } of table.sequences.filter(({ column }) => columns.includes(column))) {
    const column = `r.${quoteName(sequence.column)}`;
    const furthest = sequence.isDescending ? 'min' : 'max';
    const { rows } = await client.query<{ from: string | null; to: string }>(
      `SELECT CASE WHEN s.is_called THEN s.last_value::text END AS "from", f.value::text AS "to" FROM ${qualified(sequence)} s,
         (SELECT ${furthest}(${column})::bigint AS value FROM ${staging} r WHERE ${column} BETWEEN $1 AND $2) f
       WHERE ${isBehind(sequence, 'f.value')}`,
      [least, most],
    );
    moves.push(...rows.map((row) => ({ ...sequence, ...row })));
  }
  return moves;
}

/** Moves sequences, forward only. It cannot be rolled back, and does no harm when what follows it fails. */
export async function moveSequences(client: pg.Client, moves: readonly SequenceMove[]): Promise<void> {
  for (const move of moves) {
    await client.query(
      `SELECT setval($1::regclass, $2::bigint) FROM ${qualified(move)} s WHERE ${isBehind(move, '$2::bigint')}`,
      [qualified(move), move.to],
    );
  }
}

const qualified = ({ schema, name }: Pick<SequenceMove, 'schema' | 'name'>): string => quoteQualified(schema, name);

/** Whether the sequence has a value still before it. */
const isBehind = ({ isDescending }: Pick<SequenceMove, 'isDescending'>, value: string): string =>
  `(${value} ${isDescending ? '<' : '>'} s.last_value OR (${value} = s.last_value AND NOT s.is_called))`;
