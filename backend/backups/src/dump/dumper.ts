import type { Readable } from 'node:stream';
import type { OnProgress } from '../progress.ts';

/** The form of a dump: pg_dump's own archive, or an SQL script. */
export type DumpFormat = 'custom' | 'plain';

/** How a dump is compressed. */
export type Compression = 'zstd' | 'gzip';

/** What is to be dumped. */
export interface DumpRequest {
  readonly connectionString: string;
  /** The exported snapshot in which everything is read. */
  readonly snapshot: string;
  readonly format: DumpFormat;
  /** How the dumper shall compress by itself; only asked of one that says that it can. */
  readonly compression?: Compression | undefined;
  /** An empty file that the dumper shall write instead of an output; only asked along with a compression. */
  readonly file?: string | undefined;
  readonly lockWaitMs: number;
  readonly onProgress: OnProgress;
  readonly signal: AbortSignal;
}

/** A dump under way. */
export interface RunningDump {
  /** Undefined when it writes a file. */
  readonly output: Readable | undefined;
  /** Settles when the dumper has ended: only then, and only if it resolves, was the output whole. */
  readonly ended: Promise<void>;
  /** What the dumper warned of, once it has ended: such as what it could not take along. */
  warnings(): readonly string[];
}

/** Something that can dump a database. */
export interface Dumper {
  /** Such as `pg_dump 15.18`. */
  readonly tool: string;
  readonly formats: readonly DumpFormat[];
  /** Whether it compresses what it writes in a way that belongs to the format, so that nothing needs to unpack it. */
  compressesItself(format: DumpFormat, compression: Compression): boolean;
  start(request: DumpRequest): RunningDump;
}
