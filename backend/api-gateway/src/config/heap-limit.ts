const FLAG = /(?:^|\s)--max[-_]old[-_]space[-_]size[= ](\d+)/g;
const MEBIBYTE = 2 ** 20;

/**
 * The limit of V8's old generation that a flag sets, in bytes; undefined without one.
 *
 * @param flags of the process, as `process.execArgv` has them
 * @param nodeOptions the variable NODE_OPTIONS; flags win over it
 */
export function heapLimitBytes(flags: readonly string[], nodeOptions: string | undefined): number | undefined {
  const last = [...`${nodeOptions ?? ''} ${flags.join(' ')}`.matchAll(FLAG)].at(-1);
  return last?.[1] === undefined ? undefined : Number(last[1]) * MEBIBYTE;
}
