/** What a check found out. */
export interface Finding {
  readonly status: 'ok' | 'warning' | 'failed' | 'skipped';
  readonly message: string;
  /** What to do; for everything that is not ok. */
  readonly remedy?: string;
}

/** One thing that doctor looks at. */
export interface Check {
  readonly name: string;
  /** Finds out; what it throws becomes a failure. Should stop when the signal aborts. */
  run(signal: AbortSignal): Promise<Finding> | Finding;
}

/** A finding and what it is about. */
export type NamedFinding = Finding & { readonly name: string };

export const ok = (message: string): Finding => ({ status: 'ok', message });
export const skipped = (message: string, remedy?: string): Finding => ({
  status: 'skipped',
  message,
  ...(remedy !== undefined && { remedy }),
});
export const warning = (message: string, remedy: string): Finding => ({ status: 'warning', message, remedy });
export const failed = (message: string, remedy: string): Finding => ({ status: 'failed', message, remedy });

/**
 * Runs all checks side by side, each bounded in time; one that fails or hangs does not keep the others from theirs.
 *
 * @param limitMs for each check, in milliseconds
 * @returns in the order of the checks
 */
export function runChecks(checks: readonly Check[], limitMs: number): Promise<NamedFinding[]> {
  return Promise.all(checks.map(async (check) => ({ name: check.name, ...(await bounded(check, limitMs)) })));
}

async function bounded(check: Check, limitMs: number): Promise<Finding> {
  const abort = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<Finding>((resolve) => {
    timer = setTimeout(() => {
      resolve(failed(`no result within ${limitMs} ms`, 'find out what hangs: the machine, or what the check asks'));
      abort.abort();
    }, limitMs);
  });
  try {
    return await Promise.race([Promise.resolve().then(() => check.run(abort.signal)), limit]);
  } catch (error) {
    return failed(errorText(error), 'mend what the message names');
  } finally {
    clearTimeout(timer);
  }
}

/** The text of an error in one line; an error without one is named by its code. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, cause } = error as Error & { code?: string; cause?: NodeJS.ErrnoException };
  const own = error.message === 'fetch failed' ? '' : error.message;
  return own || (cause?.code ?? cause?.message) || code || error.name;
}
