const MINUTE_MS = 60_000;

/**
 * Lets the first message through and then one a minute, with the number of those held back.
 *
 * @example
 * const say = onceAMinute((text) => process.stderr.write(text + '\n'));
 */
export function onceAMinute(say: (message: string) => void, nowMs: () => number = Date.now): (message: string) => void {
  let nextMs = -Infinity;
  let held = 0;
  return (message) => {
    if (nowMs() < nextMs) {
      held++;
      return;
    }
    nextMs = nowMs() + MINUTE_MS;
    say(held === 0 ? message : `${message} (and ${held} more in the last minute)`);
    held = 0;
  };
}
