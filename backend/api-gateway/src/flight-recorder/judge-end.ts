import type { ProcessEnd } from '@clearway/contracts';
import type { Flight } from './read-flight.ts';
import type { StackFrame } from './stack-frames.ts';

/** Why a process ended, and how sure that is. */
export interface EndVerdict {
  readonly end: ProcessEnd;
  readonly isCertain: boolean;
  readonly explanation: string;
}

/** Nearer to a limit than this, the limit is the likeliest reason. */
const NEARLY_FULL = 0.9;
const MEBIBYTE = 2 ** 20;
/** Both times are taken by a thread that looks ten times a second. */
const SLACK_MS = 1000;

/**
 * Judges why a process ended by what it left behind. Only a process that ends itself can say why; of the others there are
 * signs.
 *
 * @param ownBootId of the machine as it runs now
 */
export function judgeEnd(flight: Flight, ownBootId: string | undefined): EndVerdict {
  return (
    byItself(flight) ??
    withTheMachine(flight, ownBootId) ??
    whileBlocked(flight) ??
    outOfHeap(flight) ??
    outOfMemory(flight) ?? {
      end: 'killed',
      isCertain: false,
      explanation:
        'It was ended from outside, such as by kill -9 or by the kernel for want of memory, or crashed in native code.',
    }
  );
}

function byItself({ end }: Flight): EndVerdict | undefined {
  if (end === undefined) return undefined;
  const { cause, exitCode, error } = end;
  const isOrderly = error === null && cause !== 'fatal' && (exitCode === 0 || exitCode === null);
  if (isOrderly) return { end: 'in_order', isCertain: true, explanation: `It ended in order${by(cause)}.` };
  const status = exitCode === null ? '' : ` with status ${exitCode}`;
  return { end: 'exited', isCertain: true, explanation: `It ended itself${status}${by(cause)}.` };
}

function by(cause: string | null): string {
  if (cause === null) return '';
  return cause === 'fatal' ? ' because of an error that nobody handled' : ` on ${cause}`;
}

function withTheMachine({ facts }: Flight, ownBootId: string | undefined): EndVerdict | undefined {
  if (facts.bootId === undefined || facts.bootId === ownBootId) return undefined;
  return { end: 'machine_restarted', isCertain: false, explanation: 'The machine was restarted since.' };
}

/** What the main thread was doing when its process ended; empty unless it stood still. */
export function lastStack({ signs, block }: Flight): readonly StackFrame[] {
  if (signs.blockedForMs === 0 || block === undefined) return [];
  // one that came too soon after another has no stack of its own
  const isItsOwn = block.atMs >= signs.seenAtMs - signs.blockedForMs - SLACK_MS;
  return isItsOwn ? block.frames : [];
}

function whileBlocked(flight: Flight): EndVerdict | undefined {
  const { signs } = flight;
  if (signs.blockedForMs === 0) return undefined;
  const seconds = (signs.blockedForMs / 1000).toFixed(1);
  const [innermost] = lastStack(flight);
  const where = innermost === undefined ? '' : ` in ${innermost.function} (${innermost.file}:${innermost.line})`;
  const heap = heapShare(flight);
  const full = heap >= NEARLY_FULL ? `, with its heap ${percent(heap)} full` : '';
  return {
    end: heap >= NEARLY_FULL ? 'heap_exhausted' : 'blocked',
    isCertain: false,
    explanation: `Its event loop had stood still for ${seconds} s${where}${full} when it was ended.`,
  };
}

function outOfHeap(flight: Flight): EndVerdict | undefined {
  const share = heapShare(flight);
  if (share < NEARLY_FULL) return undefined;
  const { heapUsedBytes, heapLimitBytes } = flight.signs;
  return {
    end: 'heap_exhausted',
    isCertain: false,
    explanation: `Its heap was ${percent(share)} full (${mebibytes(heapUsedBytes)} of ${mebibytes(heapLimitBytes)} MiB): V8 ends a process that can free no more.`,
  };
}

function outOfMemory({ signs, facts }: Flight): EndVerdict | undefined {
  const { memoryLimitBytes } = facts;
  if (memoryLimitBytes === null || signs.residentBytes < memoryLimitBytes * NEARLY_FULL) return undefined;
  return {
    end: 'memory_exhausted',
    isCertain: false,
    explanation: `It held ${mebibytes(signs.residentBytes)} of the ${mebibytes(memoryLimitBytes)} MiB that the system lets it have: the kernel kills what goes over.`,
  };
}

function heapShare({ signs }: Flight): number {
  return signs.heapLimitBytes > 0 ? signs.heapUsedBytes / signs.heapLimitBytes : 0;
}

const mebibytes = (bytes: number): number => Math.round(bytes / MEBIBYTE);
const percent = (share: number): string => `${Math.round(share * 100)} %`;
