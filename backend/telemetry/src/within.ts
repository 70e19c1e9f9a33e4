/**
 * Waits for `work`, but no longer than `limitMs`, and never rejects: for what is done on the way out.
 *
 * @param limitMs in milliseconds
 */
export async function within(limitMs: number, work: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  const ignore = (): void => {};
  await Promise.race([work.then(ignore, ignore), limit]);
  clearTimeout(timer);
}
