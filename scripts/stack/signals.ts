/** Signals that end a start in order. */
const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** npm passes on a Ctrl-C that the terminal has already sent to all: within this time two signals are one wish. */
const SAME_WISH_MS = 400;

/**
 * Calls `first` at the first signal and `again` at every later one.
 *
 * @returns stops listening
 */
export function onStopSignals(
  handlers: { first: (signal: string) => void; again: (signal: string) => void },
  source: NodeJS.EventEmitter = process,
  nowMs: () => number = () => performance.now(),
): () => void {
  let firstMs: number | undefined;
  const handle = (signal: string) => {
    if (firstMs === undefined) {
      firstMs = nowMs();
      handlers.first(signal);
    } else if (nowMs() - firstMs > SAME_WISH_MS) handlers.again(signal);
  };
  const whenLeft = () => handle('SIGHUP');
  for (const signal of STOP_SIGNALS) source.on(signal, handle);
  // the entry script runs us on another Node: when it is killed, the channel to it closes
  source.on('disconnect', whenLeft);
  return () => {
    for (const signal of STOP_SIGNALS) source.off(signal, handle);
    source.off('disconnect', whenLeft);
  };
}
