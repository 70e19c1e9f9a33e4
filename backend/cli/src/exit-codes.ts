/**
 * What the command's exit status says.
 *
 * Source: sysexits.h for 64 (EX_USAGE) and 78 (EX_CONFIG).
 */
export const EXIT = { ok: 0, problem: 1, usage: 64, configuration: 78 } as const;

/** An exit status: one of EXIT, or one that a group of commands documents in its help. */
export type ExitCode = number;

/** Whoever was asked left the question by Ctrl-C or Ctrl-D. */
export class NotAnswered extends Error {
  constructor() {
    super('the question was not answered: nothing was changed');
    this.name = 'NotAnswered';
  }
}

/** The command line cannot be carried out as it was written: told in one line, exit 64. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}
