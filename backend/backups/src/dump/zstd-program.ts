import type { Socket } from 'node:net';
import { BackupFailure } from '../failures.ts';
import { startProgram, type RunningProgram } from './program.ts';

/** What zstd calls its default; higher ones take far more time for a few percent. */
export const ZSTD_LEVEL = 3;

/** How an installed zstd is started. */
export interface ZstdOptions {
  readonly program: string;
  readonly variables: Readonly<Record<string, string>>;
  /** The output of another program. */
  readonly input: Socket;
  /** An open file to write to; without one, the output can be read. */
  readonly file?: number;
  /** How much was compressed so far, before compression and rounded as zstd does. */
  readonly onBytes: (bytes: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Lets an installed zstd compress. It reads from the other program itself: what is not compressed does not go through this
 * process, which takes half the processor time of compressing here.
 */
export function startZstd({ program, variables, input, file, onBytes, signal }: ZstdOptions): RunningProgram {
  return startProgram(program, [`-${ZSTD_LEVEL}`, '-T1', '--check', '--stdout', '-v', '--progress'], {
    variables,
    input,
    output: file ?? 'pipe',
    signal,
    onMessages: (text) => {
      const bytes = consumedBytes(text);
      if (bytes !== undefined) onBytes(bytes);
    },
    asFailure: (how, messages) => {
      // behind its progress, on the same line
      const said = [...messages.matchAll(/\bzstd: (.*)/g)].at(-1)?.[1] ?? 'it said nothing';
      const isStorage = /no space|too large|quota|input\/output error/i.test(said) || how.includes('SIGXFSZ');
      return new BackupFailure(isStorage ? 'storage-failed' : 'dump-failed', `zstd ${how}: ${said}`);
    },
  });
}

const UNITS_BYTES: Record<string, number> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** `(L3) Buffered: 2.88 MiB - Consumed:  280 MiB - Compressed: …`; older ones say MB and mean the same. */
function consumedBytes(text: string): number | undefined {
  const [, number, unit = ''] = [...text.matchAll(/Consumed ?: *([\d.]+) *([KMGT]?)i?B/g)].at(-1) ?? [];
  return number === undefined ? undefined : Math.round(Number(number) * (UNITS_BYTES[unit] ?? 1));
}
