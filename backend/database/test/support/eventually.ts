import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until a condition holds that no event tells of. */
export async function eventually(condition: () => boolean | Promise<boolean>, limitMs = 50_000): Promise<void> {
  for (const limit = performance.now() + limitMs; !(await condition()); await sleep(5))
    if (performance.now() > limit) throw new Error(`not so within ${limitMs} ms: ${condition.toString()}`);
}
