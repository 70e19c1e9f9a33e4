import { setTimeout as sleep } from 'node:timers/promises';
import type { CliContext } from '../context.ts';

const FIRST_LOOK_MS = 150;
const FIRST_LOOKS = 5;
const INTERVAL_MS = 1000;

/** Something that goes on, and how to look at it. */
export interface Followed<T> {
  /** Undefined when there is no such thing. */
  readonly read: () => Promise<T | undefined>;
  readonly isOver: (state: T) => boolean;
  /** How far it is, in a line. */
  readonly progress: (state: T) => string;
}

/**
 * Shows how far something is until it is over: in a line that is replaced on a terminal, in a new line for each change elsewhere.
 * Whoever interrupts only stops looking.
 *
 * @param isQuiet shows nothing but on a terminal: the output is for a script
 * @returns how it stands at its end, or why that is not known
 */
export async function follow<T extends object>(
  context: CliContext,
  followed: Followed<T>,
  isQuiet: boolean,
): Promise<T | 'unknown' | 'interrupted'> {
  const interrupted = new AbortController();
  const forget = context.onInterrupt?.(() => interrupted.abort());
  try {
    return await look(context, followed, isQuiet, interrupted.signal);
  } finally {
    forget?.();
    context.progress?.('');
  }
}

async function look<T extends object>(
  context: CliContext,
  { read, isOver, progress }: Followed<T>,
  isQuiet: boolean,
  signal: AbortSignal,
): Promise<T | 'unknown' | 'interrupted'> {
  let told = '';
  for (let looks = 0; !signal.aborted; looks++) {
    const state = await read();
    if (!state) return 'unknown';
    if (isOver(state)) return state;
    const text = progress(state);
    if (context.progress) context.progress(text);
    else if (text !== told && !isQuiet) context.out(text);
    told = text;
    // what is quick is over in a moment
    await sleep(looks < FIRST_LOOKS ? FIRST_LOOK_MS : INTERVAL_MS, undefined, { signal }).catch(() => {});
  }
  return 'interrupted';
}
