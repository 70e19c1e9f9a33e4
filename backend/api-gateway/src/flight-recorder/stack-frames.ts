/** One call on a stack. */
export interface StackFrame {
  readonly function: string;
  /** Path of the file, name of a module of Node, or `<anonymous>` for what is built into the engine: then line 0. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A time for which the event loop stood still. */
export interface BlockedLoop {
  /** When it stood still, in milliseconds since 1970. */
  readonly atMs: number;
  readonly forMs: number;
  /** What the main thread was doing, innermost call first; empty when it could not be asked. */
  readonly frames: readonly StackFrame[];
}
