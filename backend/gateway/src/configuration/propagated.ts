/** What an upstream can be told of a trace. */
export const PROPAGATED = ['w3c', 'b3', 'b3multi', 'jaeger', 'baggage'] as const;
export type Propagated = (typeof PROPAGATED)[number];
