import { Session } from 'node:inspector';
import { fileURLToPath } from 'node:url';
import type { StackFrame } from './stack-frames.ts';

const MAX_FRAMES = 50;
const MAX_TEXT = 200;
const OWN_NAME = 'clearway-watchdog';

/** Looks at the main thread from another one, also while it runs an endless loop. What it is asked resolves late while it is in native code. */
export interface MainThreadInspector {
  /** Where the main thread is, innermost call first. */
  stack(): Promise<StackFrame[]>;
  /** Size of its heap, in bytes. */
  heapUsedBytes(): Promise<number>;
}

/**
 * Evaluated on top of whatever the main thread is doing, so that its own stack is the answer. A hook of the program must
 * not see it.
 */
const STACK = `(() => {
  const { prepareStackTrace, stackTraceLimit } = Error;
  try {
    Error.prepareStackTrace = undefined;
    Error.stackTraceLimit = ${MAX_FRAMES + 2};
    return new Error().stack;
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
    Error.stackTraceLimit = stackTraceLimit;
  }
})()
//# sourceURL=${OWN_NAME}`;

/**
 * Asks the main thread through its inspector. V8 serves that at the next check of the stack guard, which every loop and
 * every call has: no code on the main thread has to give way. It is asked to evaluate an expression, which takes it a
 * millisecond; to stop it as a debugger does would have it tell of each of its thousands of scripts first. It costs the
 * main thread nothing while it is not asked.
 */
export const mainThreadInspector: MainThreadInspector = {
  async stack() {
    const parameters = { expression: STACK, returnByValue: true, silent: true };
    const { result } = await ask<{ result: { value?: unknown } }>('Runtime.evaluate', parameters);
    return typeof result.value === 'string' ? parseStack(result.value) : [];
  },
  async heapUsedBytes() {
    return (await ask<{ usedSize: number }>('Runtime.getHeapUsage', {})).usedSize;
  },
};

/** Connected for the one question only: a process that ends waits for whoever is connected to its inspector. */
async function ask<T>(method: string, parameters: object): Promise<T> {
  const session = new Session();
  session.connectToMainThread();
  try {
    return await new Promise<T>((resolve, reject) => {
      session.post(method, parameters, (error: Error | null, result: unknown) =>
        error ? reject(error) : resolve(result as T),
      );
    });
  } finally {
    session.disconnect();
  }
}

const FRAME = /^\s+at (?:(.+) \((.+?)(?::(\d+):(\d+))?\)|(.+?)(?::(\d+):(\d+))?)$/;

/**
 * Reads a stack as V8 writes it, without the frames of who asked for it.
 *
 * Source: V8's documentation of its stack trace API.
 */
export function parseStack(stack: string): StackFrame[] {
  const frames = stack.split('\n').map(parseFrame);
  return frames.filter((frame) => frame !== undefined && frame.file !== OWN_NAME).slice(0, MAX_FRAMES) as StackFrame[];
}

function parseFrame(line: string): StackFrame | undefined {
  const match = FRAME.exec(line);
  if (match === null) return undefined;
  const [, name = '(anonymous)', placeOfNamed, lineOfNamed, columnOfNamed, place, placeLine, placeColumn] = match;
  const file = placeOfNamed ?? place ?? '';
  return {
    function: name.slice(0, MAX_TEXT),
    file: (file.startsWith('file://') ? fileURLToPath(file) : file).slice(-MAX_TEXT),
    line: Number(lineOfNamed ?? placeLine ?? 0),
    column: Number(columnOfNamed ?? placeColumn ?? 0),
  };
}
