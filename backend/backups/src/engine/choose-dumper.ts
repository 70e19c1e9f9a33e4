import type { DumpFormat, Dumper } from '../dump/dumper.ts';
import { nativeDumper } from '../dump/native-dumper.ts';
import { portableDumper, PORTABLE_LIMIT_BYTES, PORTABLE_MAJOR } from '../dump/portable/portable-dumper.ts';
import { findPgDump, type MachineTools } from '../dump/tools.ts';
import { BackupFailure } from '../failures.ts';
import type { ManifestSource } from '../manifest/schema.ts';
import { majorOf } from '../manifest/source.ts';
import type { OnProgress } from '../progress.ts';

/** Who dumps, and in which form. */
export interface ChosenDumper {
  readonly dumper: Dumper;
  readonly format: DumpFormat;
}

/**
 * Chooses an installed pg_dump that is not older than the server, else the portable one, which says that it is used and
 * up to which size.
 *
 * @throws BackupFailure `unsupported` when neither can dump this database
 */
export async function chooseDumper(
  source: ManifestSource,
  { format, tools, onProgress }: { format?: DumpFormat | undefined; tools: MachineTools; onProgress: OnProgress },
): Promise<ChosenDumper> {
  const major = majorOf(source.versionNumber);
  const pgDump = await findPgDump(major, tools);
  if (pgDump) return { dumper: nativeDumper(pgDump, inUnicode(tools, source)), format: format ?? 'custom' };
  const remedy = `install the client programs of PostgreSQL ${major} or later (pg_dump)`;
  if (major > PORTABLE_MAJOR) {
    throw new BackupFailure('unsupported', `there is no pg_dump here for a server of version ${source.version}`, {
      remedy,
    });
  }
  const limit = `${PORTABLE_LIMIT_BYTES / 2 ** 30} GiB`;
  if (source.sizeBytes > PORTABLE_LIMIT_BYTES) {
    const size = `${(source.sizeBytes / 2 ** 30).toFixed(1)} GiB`;
    const message = `there is no pg_dump ${major} or later here, and the portable dump serves up to ${limit}: the database has ${size}`;
    throw new BackupFailure('unsupported', message, { remedy });
  }
  const instead = format === 'custom' ? ' It writes an SQL script instead of the custom format.' : '';
  onProgress({
    phase: 'dumping',
    isWarning: true,
    message: `no pg_dump ${major} or later is installed: using the portable dump, for databases up to ${limit}.${instead}`,
  });
  return { dumper: portableDumper(), format: 'plain' };
}

/** pg_dump writes in the encoding of its session; bytes of SQL_ASCII have none, and are taken as they are. */
function inUnicode(tools: MachineTools, { encoding }: ManifestSource): MachineTools {
  const PGCLIENTENCODING = encoding === 'SQL_ASCII' ? encoding : 'UTF8';
  return { ...tools, variables: { ...tools.variables, PGCLIENTENCODING } };
}
