import type { Compression, Dumper, DumpFormat, RunningDump } from '../dump/dumper.ts';
import type { OpenSnapshot } from '../dump/snapshot.ts';
import { findZstd, programVariables, type MachineTools } from '../dump/tools.ts';
import { makeFile, takeWrittenFile, writeBackupFile, type WrittenFile } from '../dump/write-dump.ts';
import { asBackupFailure } from '../failures.ts';
import { closeContent, measureContent, openContent } from '../manifest/measure.ts';
import type { Manifest, ManifestContent } from '../manifest/schema.ts';
import type { OnProgress } from '../progress.ts';

/** How a dump is taken. */
export interface TakeDumpOptions {
  readonly connectionString: string;
  readonly format: DumpFormat;
  readonly compression: Compression;
  readonly recipients: readonly string[];
  readonly folder: string;
  /** The role that owns the database. */
  readonly owner: string;
  readonly lockWaitMs: number;
  readonly tools: MachineTools;
  readonly onProgress: OnProgress;
  readonly signal?: AbortSignal | undefined;
}

/** A dump on the disk, and what the database held when it was taken. */
export interface TakenDump {
  readonly content: ManifestContent;
  readonly written: WrittenFile;
  /** How the file as a whole is compressed; the archive may be compressed within. */
  readonly outer: Manifest['dump']['compression'];
  readonly warnings: readonly string[];
}

/**
 * Runs dump and manifest beside each other, in one snapshot; when one of them fails, the other is stopped.
 *
 * @throws BackupFailure
 */
export async function takeDump(snapshot: OpenSnapshot, dumper: Dumper, options: TakeDumpOptions): Promise<TakenDump> {
  const { format, onProgress, connectionString, lockWaitMs, tools } = options;
  const compressesItself = dumper.compressesItself(format, options.compression);
  const compression = compressesItself ? options.compression : undefined;
  const outer = compressesItself ? 'none' : options.compression;
  const name = format === 'custom' ? 'database.dump' : 'database.sql';
  const abort = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, abort.signal]) : abort.signal;
  const opened = await openContent(snapshot.client, snapshot.tables);
  const total = opened.tables.measured.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  // compressed bytes say nothing of how many are still to come
  const expected = compressesItself ? {} : { total };
  const onBytes = (bytes: number): void => onProgress({ phase: 'dumping', done: bytes, ...expected, unit: 'bytes' });
  const zstd = outer === 'zstd' ? await findZstd(tools) : undefined;
  onBytes(0);
  const written = { folder: options.folder, role: 'dump', name, onBytes, signal } as const;
  const file = compressesItself && options.recipients.length === 0 ? await makeFile(options.folder, name) : undefined;
  const request = {
    connectionString,
    snapshot: snapshot.id,
    format,
    compression,
    file,
    lockWaitMs,
    onProgress,
    signal,
  };
  const running = dumper.start(request);
  const writing =
    running.output === undefined
      ? takeWrittenFile(written, running.ended)
      : writeBackupFile(running.output, {
          ...written,
          compression: outer,
          recipients: options.recipients,
          zstd: zstd === undefined ? undefined : { program: zstd, variables: programVariables(tools) },
        });
  const measuring = measureContent(snapshot.client, opened, { owner: options.owner, onProgress, signal });
  const [dump, measured] = await bothOrTheFirstFailure(dumped(running, writing, abort), measuring, abort);
  const content = await closeContent(snapshot.client, opened, measured);
  return { written: dump, outer, content, warnings: running.warnings() };
}

/**
 * Waits for the dumper and for its file. A dumper that dies ends its output as if it were done, so only both together
 * make a dump. When the file fails, that is the reason: the dumper then fails because nobody reads it.
 */
async function dumped(
  { ended }: RunningDump,
  writing: Promise<WrittenFile>,
  abort: AbortController,
): Promise<WrittenFile> {
  writing.catch(() => abort.abort());
  const [dumper, file] = await Promise.allSettled([ended, writing]);
  if (file.status === 'fulfilled') {
    if (dumper.status === 'fulfilled') return file.value;
    throw asBackupFailure(dumper.reason, 'dump-failed');
  }
  const isOfDumper = dumper.status === 'rejected' && (file.reason as Error).cause === dumper.reason;
  throw isOfDumper ? asBackupFailure(dumper.reason, 'dump-failed') : file.reason;
}

async function bothOrTheFirstFailure<A, B>(a: Promise<A>, b: Promise<B>, abort: AbortController): Promise<[A, B]> {
  const failures: unknown[] = [];
  const note = (error: unknown): void => {
    failures.push(error);
    abort.abort();
  };
  a.catch(note);
  b.catch(note);
  const [first, second] = await Promise.allSettled([a, b]);
  if (first.status === 'fulfilled' && second.status === 'fulfilled') return [first.value, second.value];
  throw asBackupFailure(failures[0], 'dump-failed');
}
