import type { Sql } from '../../queue/connections.ts';
import type { KeptError } from '../../runs/kept-error.ts';
import { signatureOf } from '../signature.ts';
import type { RunningReplay } from './running-replay.ts';
import type { Stop } from './stop.ts';

const MOST_TRIES = 200;

/** Why a replay should release no more; undefined when it may go on. */
export async function reasonToStop(sql: Sql, replay: RunningReplay): Promise<Stop | undefined> {
  return (
    (await failureOfLetter(sql, replay)) ?? (await failureOfTry(sql, replay)) ?? (await nothingSucceeds(sql, replay))
  );
}

/** A letter failed for good: as it did before, or at all where that is enough. */
async function failureOfLetter(sql: Sql, { id, signatures, stopOn }: RunningReplay): Promise<Stop | undefined> {
  const { rows } = await sql.query<{ id: string; signature: string; error: string }>(
    `SELECT letter.id, letter.signature, left(letter.error, 500) AS error
     FROM replay_items item JOIN dead_letter_queue letter ON letter.id = item.dead_letter_id
     WHERE item.replay_id = $1 AND item.status = 'FAILED' AND ($3 OR letter.signature = ANY ($2))
     ORDER BY item.ended_at LIMIT 1`,
    [id, signatures, stopOn === 'any-failure'],
  );
  const [letter] = rows;
  return letter && stopFor(signatures, letter.id, letter.signature, letter.error);
}

/** A try failed as before: the tries that are left need not be waited for. */
async function failureOfTry(sql: Sql, { id, signatures }: RunningReplay): Promise<Stop | undefined> {
  const { rows } = await sql.query<{ id: string; job_id: string; error: KeptError }>(
    `SELECT item.dead_letter_id AS id, run.job_id, run.error
     FROM replay_items item JOIN job_runs run ON run.event_id = item.event_id
     WHERE item.replay_id = $1 AND item.status = 'RELEASED' AND run.status IN ('FAILED', 'TIMED_OUT', 'LOST')
       AND run.error IS NOT NULL
     ORDER BY run.ended_at DESC LIMIT $2`,
    [id, MOST_TRIES],
  );
  for (const run of rows) {
    const signature = signatureOf(run.job_id, run.error);
    if (signatures.includes(signature)) return stopFor(signatures, run.id, signature, run.error.message);
  }
  return undefined;
}

function stopFor(signatures: readonly string[], deadLetterId: string, signature: string, error: string): Stop {
  const isSame = signatures.includes(signature);
  return {
    kind: isSame ? 'same-signature' : 'failure',
    message: isSame ? `It failed as before: ${error}` : `It failed in another way: ${error}`,
    signature,
    deadLetterId,
  };
}

/** The first one failed, or as many as a few one after the other: in whatever way, there is no use in going on. */
async function nothingSucceeds(sql: Sql, { id, signatures, stage, few }: RunningReplay): Promise<Stop | undefined> {
  const count = stage === 0 ? 1 : few;
  const { rows } = await sql.query<{ id: string; signature: string; status: string; error: string }>(
    `SELECT letter.id, letter.signature, item.status, left(letter.error, 500) AS error
     FROM replay_items item JOIN dead_letter_queue letter ON letter.id = item.dead_letter_id
     WHERE item.replay_id = $1 AND item.status IN ('SUCCEEDED', 'FAILED')
     ORDER BY item.ended_at DESC LIMIT $2`,
    [id, count],
  );
  const [last] = rows;
  if (!last || rows.length < count || rows.some((row) => row.status === 'SUCCEEDED')) return undefined;
  // it may have failed only since the letters were looked at for that
  const same = rows.find((row) => signatures.includes(row.signature));
  if (same) return stopFor(signatures, same.id, same.signature, same.error);
  const message = `The last ${count} failed in another way, the last one with: ${last.error}`;
  return { kind: 'nothing-succeeds', message, signature: last.signature, deadLetterId: last.id };
}
