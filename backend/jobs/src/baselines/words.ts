const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** Two digits that matter: 0.42, 2.1, 13. */
export const ratioText = (ratio: number): string =>
  ratio < 10 ? String(Number(ratio.toPrecision(2))) : ratio.toFixed(0);

/** With thousands apart: 1,200. */
export const countText = (count: number): string => count.toLocaleString('en-GB');

/** In the unit a person would choose: 340 ms, 4.2 s, 12.5 min, 2.3 h. */
export function durationText(ms: number): string {
  if (ms < SECOND_MS) return `${Number(ms.toPrecision(3))} ms`;
  if (ms < MINUTE_MS) return `${Number((ms / SECOND_MS).toPrecision(3))} s`;
  if (ms < HOUR_MS) return `${Number((ms / MINUTE_MS).toPrecision(3))} min`;
  return `${Number((ms / HOUR_MS).toPrecision(3))} h`;
}
