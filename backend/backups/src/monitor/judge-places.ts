import type { BackupPolicy } from '../configuration/policy.ts';
import { critical, ok, skipped, warning, worstOf, type Judgement } from './check.ts';
import { newestOf, type BackupFacts, type StorageFacts } from './facts.ts';
import { forecastSpace } from './forecast.ts';
import { allBackups, sizeOf } from './judge-history.ts';
import { bytesText, counted, spanText } from '../sentences.ts';

/** A backup is written before older ones go. */
const LEAST_ROOM_BACKUPS = 2;

/** Whether the next backups fit, and for how long. */
export function judgeSpace(facts: BackupFacts, policy: BackupPolicy): Judgement {
  const judged = facts.storages.map((storage) => spaceOf(storage, facts, policy));
  const status = worstOf(judged);
  const told = judged.filter((each) => each.status === status || each.status === 'critical');
  return { status, message: told.map(({ message }) => message).join('; ') };
}

function spaceOf(storage: StorageFacts, facts: BackupFacts, policy: BackupPolicy): Judgement {
  const { id, backups, freeBytes, problem } = storage;
  if (problem !== undefined) return skipped(`${id} does not answer: ${problem}`);
  if (freeBytes === undefined) return skipped(`${id} does not say how much it has left`);
  const [last] = allBackups(facts);
  if (!last)
    return skipped(`${id} has ${bytesText(freeBytes)} left; without a backup nobody knows how long that lasts`);
  const each = Math.max(1, sizeOf(last));
  const left = `${id} has ${bytesText(freeBytes)} left`;
  const room = Math.floor(freeBytes / each);
  if (room < LEAST_ROOM_BACKUPS) return critical(`${left}, and a backup takes ${bytesText(each)}`);
  const next = { nowMs: facts.atMs, nextBytes: each, freeBytes };
  const { growthBytes, fullAtMs } = forecastSpace(backups, policy, next);
  const wanted = `retention will need ${bytesText(growthBytes)} more`;
  if (fullAtMs === undefined) return ok(`${left}: room for ${counted(room, 'more backup')}, and ${wanted}`);
  return warning(`${left}, which lasts ${spanText((fullAtMs - facts.atMs) / 1000)}, and ${wanted}`);
}

/** Whether the newest backup lies whole in every storage. */
export function judgeCopies(facts: BackupFacts): Judgement {
  const newest = newestOf(facts.storages);
  const silent = facts.storages.filter(({ problem }) => problem !== undefined);
  if (!newest) {
    if (silent.length > 0) return skipped(`no storage that answers holds a backup; ${silentText(silent)}`);
    return skipped('there is no backup whose copies could be missing');
  }
  const answering = facts.storages.filter(({ problem }) => problem === undefined);
  const lacking = answering.filter(({ backups }) => backups.every(({ id }) => id !== newest.id));
  if (lacking.length > 0) return critical(`${newest.id} is missing in ${lacking.map(({ id }) => id).join(', ')}`);
  const damaged = answering.filter(({ backups }) =>
    backups.some(({ id, verifications }) => id === newest.id && verifications.state === 'damaged'),
  );
  if (damaged.length > 0) return critical(`${newest.id} is damaged in ${damaged.map(({ id }) => id).join(', ')}`);
  if (silent.length > 0) return critical(silentText(silent));
  const unreadable = answering.flatMap((storage) => storage.unreadable.map((id) => `${id} in ${storage.id}`));
  if (unreadable.length > 0) return warning(`what cannot be read: ${unreadable.slice(0, 5).join(', ')}`);
  return ok(`${newest.id} lies in ${answering.map(({ id }) => id).join(', ')}`);
}

const silentText = (silent: readonly StorageFacts[]): string =>
  silent.map(({ id, problem }) => `${id} does not answer: ${problem}`).join('; ');

/** Whether the newest backup can be opened. */
export function judgeKey({ key }: BackupFacts, { recipients }: BackupPolicy): Judgement {
  if (key.state === 'opens') return ok(key.message);
  if (key.state === 'wrong') return critical(`the key does not open the newest backup: ${key.message}`);
  if (key.state === 'not-encrypted' && recipients.length > 0) {
    return warning('the newest backup is not encrypted, and the next one will be');
  }
  return skipped(key.message);
}
