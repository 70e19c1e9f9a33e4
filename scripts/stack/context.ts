import type { StackOptions } from './options.ts';
import type { Output } from './output.ts';
import type { Settings } from './settings.ts';
import type { Supervisor } from './supervisor.ts';

/** The configuration is wrong, or a port is taken (sysexits.h EX_CONFIG). */
export const EXIT_CONFIGURATION = 78;

/** A start that cannot go on, with a message for people and an exit code. */
export class StartFailure extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** What the parts of a start share. */
export interface Context {
  readonly settings: Settings;
  readonly options: StackOptions;
  readonly output: Output;
  readonly supervisor: Supervisor;
  /** Aborted when the start is to end. */
  readonly signal: AbortSignal;
}
