export { createProgram, type Finish } from './program.ts';
export { run, runProcess } from './run.ts';
export { cliEnvironment } from './config/environment-shape.ts';
export type { CliContext } from './context.ts';
export { EXIT, UsageError, type ExitCode } from './exit-codes.ts';
