import { BackupFailure } from '../failures.ts';

/** What is known by its first bytes and not read here. */
const KINDS: readonly {
  readonly what: string;
  readonly magic: string;
  readonly at?: number;
  readonly remedy: string;
}[] = [
  { what: 'in tar format', magic: 'ustar', at: 257, remedy: 'script' },
  { what: 'that are compressed with lz4', magic: '\x04\x22\x4d\x18', remedy: 'lz4 -d' },
  { what: 'that are compressed with xz', magic: '\xfd7zXZ\0', remedy: 'xz -d' },
  { what: 'that are compressed with bzip2', magic: 'BZh', remedy: 'bzip2 -d' },
  { what: 'in zip archives', magic: 'PK\x03\x04', remedy: 'unzip' },
  { what: 'that are encrypted with age', magic: 'age-encryption.org/', remedy: 'age -d' },
  { what: 'that are encrypted with age', magic: '-----BEGIN AGE ENCRYPTED', remedy: 'age -d' },
  { what: 'that are encrypted with gpg', magic: '-----BEGIN PGP MESSAGE', remedy: 'gpg -d' },
];

/** How an archive that is not read here becomes a dump that is. */
export const AS_SCRIPT = 'make a script of it, which is understood: pg_restore --file=dump.sql FILE';

/** @throws BackupFailure `unsupported` for a file of a kind that is known and not read, with what to do */
export function assertReadable(start: Buffer): void {
  const text = start.toString('latin1');
  const kind = KINDS.find(({ magic, at = 0 }) => text.startsWith(magic, at));
  if (!kind) return;
  throw new BackupFailure('unsupported', `dumps ${kind.what} are not understood`, {
    remedy: kind.remedy === 'script' ? AS_SCRIPT : `unpack it first: ${kind.remedy}`,
  });
}
