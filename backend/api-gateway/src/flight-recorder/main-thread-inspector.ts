import { Session, type Debugger } from 'node:inspector';
import { fileURLToPath } from 'node:url';
import type { StackFrame } from './stack-frames.ts';

const MAX_FRAMES = 50;
const MAX_TEXT = 200;

/** Looks at the main thread from another one, also while it runs an endless loop. */
export interface MainThreadInspector {
  /** Stops the main thread for an instant and tells where it is. Never resolves while it is in native code. */
  stack(): Promise<StackFrame[]>;
  /** Size of its heap, in bytes. */
  heapUsedBytes(): Promise<number>;
  close(): void;
}

/**
 * Connects to the main thread's inspector. V8 serves it at the next check of the stack guard, which every loop and every
 * call has: no code on the main thread has to give way. While nobody is connected it costs the main thread nothing.
 */
export function inspectMainThread(): MainThreadInspector {
  const session = new Session();
  session.connectToMainThread();
  const post = promisedPost(session);
  return {
    async stack() {
      const files = new Map<string, string>();
      session.on('Debugger.scriptParsed', ({ params }) => files.set(params.scriptId, params.url));
      const paused = new Promise<Debugger.CallFrame[]>((resolve) => {
        session.once('Debugger.paused', ({ params }) => {
          // before anything else is done: the main thread waits
          session.post('Debugger.resume');
          resolve(params.callFrames);
        });
      });
      await post('Debugger.enable');
      await post('Debugger.pause');
      const frames = await paused;
      await post('Debugger.disable');
      return frames.slice(0, MAX_FRAMES).map((frame) => describe(frame, files));
    },
    async heapUsedBytes() {
      const { usedSize } = (await post('Runtime.getHeapUsage')) as { usedSize: number };
      return usedSize;
    },
    // resumes the main thread, should it still be stopped
    close: () => session.disconnect(),
  };
}

function promisedPost(session: Session): (method: string) => Promise<unknown> {
  return (method) =>
    new Promise((resolve, reject) => {
      session.post(method, (error: Error | null, result: unknown) => (error ? reject(error) : resolve(result)));
    });
}

function describe({ functionName, location }: Debugger.CallFrame, files: ReadonlyMap<string, string>): StackFrame {
  const url = files.get(location.scriptId) ?? '';
  return {
    function: (functionName || '(anonymous)').slice(0, MAX_TEXT),
    file: (url.startsWith('file://') ? fileURLToPath(url) : url || '(unknown)').slice(-MAX_TEXT),
    line: location.lineNumber + 1,
    column: (location.columnNumber ?? 0) + 1,
  };
}
