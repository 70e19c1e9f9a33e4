import { cpSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { BackupFailure, directoryStorage, readBackup, type BackupEngine, type StoredBackup } from '../../src/index.ts';
import type { DamageCase, Detection } from './damage.ts';

/** Damages a copy of a good backup, and lets each level look at it. */
export async function detect(
  damage: DamageCase,
  good: {
    readonly backup: StoredBackup;
    readonly twin: StoredBackup;
    readonly engine: BackupEngine;
    readonly folder: string;
  },
): Promise<Detection> {
  const { backup, twin, engine } = good;
  const root = path.join(good.folder, `damaged-${damage.name.replaceAll(/\W+/g, '-')}`);
  const folder = path.join(root, backup.id);
  mkdirSync(root);
  cpSync(path.join(backup.storage.location, backup.id), folder, { recursive: true });
  damage.apply({ folder, id: backup.id, twin: path.join(twin.storage.location, twin.id) });
  const { name, when } = damage;
  let copy: StoredBackup;
  try {
    copy = await readBackup(directoryStorage(root), backup.id);
  } catch (error) {
    if (!(error instanceof BackupFailure) || error.reason !== 'damaged') throw error;
    return { name, when, decode: true, restore: true, exact: true, reason: 'listing' };
  }
  const decode = await engine.verify({ backup: copy, level: 'decode' });
  const exact = await engine.verify({ backup: copy, level: 'exact' });
  const reason = exact.failure?.reason ?? 'passed';
  return {
    name,
    when,
    decode: decode.verification.outcome === 'failed',
    // what differs is found after everything was restored
    restore: exact.verification.outcome === 'failed' && reason !== 'different',
    exact: exact.verification.outcome === 'failed',
    reason,
  };
}
