import type { HealthCheck } from './health.ts';

const TIMEOUT_MS = 1000;

/** A connection to PostgreSQL that stays open. */
export interface HeldConnection {
  ping(): Promise<unknown>;
  end(): void;
}

/** A health check that holds a connection open. */
export interface OpenHealthCheck extends HealthCheck {
  close(): void;
}

/**
 * Whether PostgreSQL answers, over one connection that stays open: when it breaks, `onLost` is called at once, so that
 * health need not wait for the next look.
 *
 * @param connectionString for the target that operators are shown
 * @param connect opens a connection, which calls what it is given when it breaks
 * @example
 * const check = heldConnectionCheck(url, () => health.recheck('database'), openConnection);
 */
export function heldConnectionCheck(
  connectionString: string,
  onLost: () => void,
  connect: (whenLost: () => void) => Promise<HeldConnection>,
): OpenHealthCheck {
  const { hostname, port } = new URL(connectionString);
  let held: HeldConnection | undefined;
  let opening: Promise<HeldConnection> | undefined;
  let isClosed = false;

  const drop = (lost: HeldConnection | undefined): void => {
    if (lost === undefined || held !== lost) return;
    held = undefined;
    lost.end();
    if (!isClosed) onLost();
  };
  const open = async (): Promise<HeldConnection> => {
    let fresh: HeldConnection | undefined = undefined;
    fresh = await connect(() => drop(fresh));
    if (isClosed) fresh.end();
    else held = fresh;
    return fresh;
  };
  return {
    id: 'database',
    required: true,
    timeoutMs: TIMEOUT_MS,
    target: `${hostname}:${port || '5432'}`,
    async probe(signal) {
      const current = held ?? (await (opening ??= open().finally(() => (opening = undefined))));
      // a server that hangs: the connection is of no use any more
      const give = (): void => drop(current);
      signal.addEventListener('abort', give, { once: true });
      try {
        await current.ping();
      } catch (error) {
        drop(current);
        throw error;
      } finally {
        signal.removeEventListener('abort', give);
      }
    },
    close() {
      isClosed = true;
      drop(held);
    },
  };
}
