import { Socket } from 'node:net';
import { BackupFailure } from '../failures.ts';
import type { RunningDump } from './dumper.ts';
import { startProgram } from './program.ts';
import { programVariables, type MachineTools } from './tools.ts';
import { ZSTD_LEVEL } from './write-dump.ts';

/**
 * Lets an installed zstd compress a dump. It reads from the dumping program itself, so that nothing but what is compressed
 * goes through this process: that takes half the processor time of compressing here.
 *
 * @param onBytes how much was compressed so far, before compression and rounded as zstd does
 * @returns a dump that is whole only when both programs ended well; undefined when it does not come from a program
 */
export function compressWithProgram(
  zstd: string,
  dump: RunningDump,
  how: { readonly tools: MachineTools; readonly onBytes: (bytes: number) => void; readonly signal: AbortSignal },
): RunningDump | undefined {
  if (!(dump.output instanceof Socket)) return undefined;
  const compressing = startProgram(zstd, [`-${ZSTD_LEVEL}`, '-T1', '--check', '--stdout', '-v', '--progress'], {
    variables: programVariables(how.tools),
    input: dump.output,
    signal: how.signal,
    onMessages: (text) => {
      const bytes = consumedBytes(text);
      if (bytes !== undefined) how.onBytes(bytes);
    },
    asFailure: (happened, messages) => {
      const said = [...messages.matchAll(/^zstd: (.*)/gm)].at(-1)?.[1] ?? 'it said nothing';
      return new BackupFailure('dump-failed', `zstd ${happened}: ${said}`);
    },
  });
  const ended = both(compressing.ended, dump.ended);
  ended.catch(() => {}); // as that of each
  return { output: compressing.output, ended, warnings: () => dump.warnings() };
}

/** A compressor that dies makes the dumper fail as well, so its reason is the better one. */
async function both(compressor: Promise<void>, dumper: Promise<void>): Promise<void> {
  for (const ended of await Promise.allSettled([compressor, dumper]))
    if (ended.status === 'rejected') throw ended.reason;
}

const UNITS_BYTES: Record<string, number> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** `(L3) Buffered: 2.88 MiB - Consumed:  280 MiB - Compressed: …`; older ones say MB and mean the same. */
function consumedBytes(text: string): number | undefined {
  const [, number, unit = ''] = [...text.matchAll(/Consumed ?: *([\d.]+) *([KMGT]?)i?B/g)].at(-1) ?? [];
  return number === undefined ? undefined : Math.round(Number(number) * (UNITS_BYTES[unit] ?? 1));
}
