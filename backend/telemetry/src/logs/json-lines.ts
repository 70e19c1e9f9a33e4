import type { Logger } from 'winston';
import type { LineTransport } from './line-transport.ts';
import type { LineWriter } from './line-writer.ts';
import type { LogLevel } from './logger.ts';

/** The way of lines that are JSON already: past winston, whose streams cost more than the line itself. */
export interface JsonLines {
  /** Stands in each line. */
  readonly service: string;
  /**
   * Whether winston would write a line of this level to the same output and nowhere else: false when the level is off,
   * and when somebody silenced the logger, added a transport or listens to it, who is then to be given the line.
   */
  takes(level: LogLevel): boolean;
  /** Writes one line, without its line break. */
  write(line: string): void;
}

/** Makes it for a logger; level and transports are looked at for each line, so that changes apply at once. */
export function jsonLines(service: string, logger: Logger, transport: LineTransport, writer: LineWriter): JsonLines {
  // each transport listens for data, and so may anyone
  const isOnlyReader = (): boolean =>
    logger.listenerCount('data') === 1 && logger.transports[0] === transport && transport.level === undefined;
  return {
    service,
    takes: (level) => {
      if (logger.silent || transport.silent === true || !isOnlyReader()) return false;
      const { levels } = logger;
      const bound = levels[logger.level];
      const weight = levels[level];
      return bound !== undefined && weight !== undefined && weight <= bound;
    },
    write: (line) => writer.write(line),
  };
}
