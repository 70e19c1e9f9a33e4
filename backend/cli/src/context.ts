import type { Clock, EnvironmentFile } from '@clearway/kernel';
import type { Style } from './terminal/style.ts';

/** What a command may touch of the world: a test gives its own. */
export interface CliContext {
  /** Folder that file names are relative to. */
  readonly directory: string;
  /** Variables of the process, and what `.env` adds to them. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** The variables of the process alone. */
  readonly processVariables: Readonly<Record<string, string | undefined>>;
  /** `.env` of the folder, when there is one. */
  readonly environmentFile: EnvironmentFile | undefined;
  readonly clock: Clock;
  /** Width of the terminal in characters; that of a page when the output is no terminal. */
  readonly columns: number;
  /** Decorates what is written to `out`; leaves it alone when colours are not wanted. */
  readonly style: Style;
  /** Writes a line of the result. */
  out(line: string): void;
  /** Writes a line about the command itself, such as why it failed. */
  error(line: string): void;
  /** Shows how far a command is, in a line that the next one replaces; undefined where nobody watches. */
  readonly progress?: ((line: string) => void) | undefined;
  /** Asks the person at the terminal; undefined where nobody sits. */
  readonly ask?: ((question: string) => Promise<string>) | undefined;
  /** Calls the listener when the command shall stop, until what it returns is called. */
  readonly onInterrupt?: ((listener: () => void) => () => void) | undefined;
}
