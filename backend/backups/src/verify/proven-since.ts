import { readBackup } from '../catalogue/catalogue.ts';
import type { VerifyRequest } from '../engine/engine.ts';
import type { VerifyResult } from './verify.ts';

/** The proof that somebody else has made since the moment that a request names, if there is one. */
export async function provenSince({
  backup,
  level,
  unlessProvenSinceMs: sinceMs,
}: VerifyRequest): Promise<VerifyResult | undefined> {
  if (sinceMs === undefined) return undefined;
  const now = await readBackup(backup.storage, backup.id);
  const verification = now.verifications.verifications.findLast(
    (made) =>
      (made.level === level || made.level === 'exact') && made.outcome === 'passed' && Date.parse(made.at) >= sinceMs,
  );
  return verification && { backup: now, verification, failure: undefined, isEarlier: true };
}
