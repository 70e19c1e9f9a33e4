import type { Errors, Logs, Metrics } from '@clearway/telemetry';
import type { Env } from '../config/env.ts';
import { heapLimitBytes } from '../config/heap-limit.ts';
import { VERSION } from '../config/version.ts';
import { openFlightRecorder, type FlightRecorder } from './flight-recorder.ts';
import { flightSignals } from './tell-last-words.ts';

const OFF: FlightRecorder = {
  opened: () => {},
  closed: () => {},
  started: Promise.resolve(),
  ready: () => {},
  ending: () => {},
  untold: undefined,
  lastWords: () => [],
  close: () => Promise.resolve(),
};

/** Opens the flight recorder and tells what the process before this one left; goes on without when there is no place. */
export function startFlightRecorder(
  { env, variables }: { env: Env; variables: Readonly<Record<string, string | undefined>> },
  signals: { logs: Logs; metrics: Metrics; errors: Errors },
): FlightRecorder {
  if (!env.FLIGHT_RECORDER) return OFF;
  const { logger } = signals.logs;
  const told = flightSignals(signals);
  try {
    const recorder = openFlightRecorder({
      dataDirectory: env.DATA_DIRECTORY,
      port: env.GATEWAY_PORT,
      version: VERSION,
      blockedAfterMs: env.EVENT_LOOP_BLOCKED_MS,
      heapLimitBytes: heapLimitBytes(process.execArgv, variables['NODE_OPTIONS']),
      onUnblocked: (blocked) => told.unblocked(blocked),
      onProblem: (problem) => logger.warn('the flight recorder cannot write', { problem }),
    });
    if (recorder.untold !== undefined) told.predecessor(recorder.untold);
    return recorder;
  } catch (error) {
    logger.warn('no flight recorder: its file could not be opened below DATA_DIRECTORY', { error });
    return OFF;
  }
}
