/** Why a process ends. */
export type EndCause = 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'disconnect' | 'fatal';

/** The parts of `process` that decide about its end; a test gives its own. */
export interface EndableProcess {
  on(event: string, listener: (...args: never[]) => void): unknown;
  exit(code: number): void;
  readonly connected?: boolean;
}

/**
 * Ends a process in order: the first SIGTERM, SIGINT or loss of its supervisor drains it and exits with 0, a second
 * signal exits at once. An error that nobody handled is reported, then the process drains and exits with 1.
 *
 * @param options `stop` drains and must be bounded in time; `onFatal` reports
 * @example
 * endInOrder(process, { stop: () => lifecycle.release(), onFatal: (error) => errors.captureFatal(error) });
 */
export function endInOrder(
  target: EndableProcess,
  options: { stop: (cause: EndCause) => Promise<unknown>; onFatal: (error: unknown) => void },
): void {
  let ending = false;
  const end = async (cause: EndCause, code: number): Promise<void> => {
    if (ending) return;
    ending = true;
    try {
      await options.stop(cause);
    } catch (error) {
      options.onFatal(error);
      target.exit(1);
    }
    target.exit(code);
  };
  const onSignal = (cause: EndCause, code: number) => () => {
    if (ending) return target.exit(code);
    void end(cause, 0);
  };
  target.on('SIGTERM', onSignal('SIGTERM', 143));
  target.on('SIGINT', onSignal('SIGINT', 130));
  // a supervisor that is gone cannot stop us any more
  if (target.connected) target.on('disconnect', () => void end('disconnect', 0));
  const onFatal = (error: unknown): void => {
    options.onFatal(error);
    void end('fatal', 1);
  };
  target.on('uncaughtException', onFatal);
  target.on('unhandledRejection', onFatal);
}
