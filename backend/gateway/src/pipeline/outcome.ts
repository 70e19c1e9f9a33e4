/** What a step returns that has answered the request: no further step is run. */
export const ANSWERED = Symbol('answered');

/** What a step may return: nothing, so that the next one is run, or that it has answered. */
export type Outcome = void | typeof ANSWERED;
