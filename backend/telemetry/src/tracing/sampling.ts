/**
 * Whether a new trace is sampled, decided by its id alone, so that every process comes to the same answer.
 * The rule is that of OpenTelemetry's `TraceIdRatioBasedSampler`: the four words of the id, exclusive-or.
 *
 * @param traceId 32 hex digits
 * @param ratio share of traces, 0 to 1
 * @example
 * record.sampled = parent?.sampled ?? sampledByRatio(record.traceId, route.sampleRatio);
 */
export function sampledByRatio(traceId: string, ratio: number): boolean {
  if (ratio >= 1) return true;
  if (ratio <= 0) return false;
  let folded = 0;
  for (let start = 0; start < 32; start += 8) {
    folded = (folded ^ Number.parseInt(traceId.slice(start, start + 8), 16)) >>> 0;
  }
  return folded < Math.floor(ratio * 0xffffffff);
}
