import type { Logger } from 'winston';
import type { Errors } from './errors/index.ts';

/** What happens when the process cannot go on. */
export interface FatalOptions {
  readonly logger: Pick<Logger, 'error'>;
  readonly errors: Pick<Errors, 'captureFatal'>;
  /** Lets requests finish, releases what is open and flushes telemetry; bounded by `limitMs`. */
  readonly drain: () => Promise<unknown>;
  /** The process ends after this time even if `drain` does not. Default 10 s. */
  readonly limitMs?: number | undefined;
  /** Ends the process. Default `process.exit`. */
  readonly exit?: ((code: number) => void) | undefined;
}

/**
 * Owns uncaught exceptions and unhandled rejections: they are logged and reported, then the process drains and exits
 * with 1. A second one on the way out ends it at once.
 *
 * @returns removes the handlers
 * @example
 * onFatalError({ logger, errors, drain: () => lifecycle.release() });
 */
export function onFatalError(options: FatalOptions): () => void {
  const exit = options.exit ?? ((code) => process.exit(code));
  let ending = false;
  const end = async (error: unknown, origin: string): Promise<void> => {
    if (ending) return exit(1);
    ending = true;
    const limit = setTimeout(() => exit(1), options.limitMs ?? 10_000);
    try {
      options.logger.error('the process cannot go on', { origin, error });
      options.errors.captureFatal(error);
      await options.drain();
    } finally {
      clearTimeout(limit);
      exit(1);
    }
  };
  const onException = (error: unknown, origin: string): void => void end(error, origin).catch(() => exit(1));
  process.on('uncaughtException', onException);
  const onRejection = (error: unknown): void => onException(error, 'unhandledRejection');
  process.on('unhandledRejection', onRejection);
  return () => {
    process.off('uncaughtException', onException);
    process.off('unhandledRejection', onRejection);
  };
}
