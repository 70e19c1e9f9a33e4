/**
 * Breaks a connection. `pg` ends one politely only, and waits for an answer that a server which hangs never gives.
 *
 * @param client of `pg`, or of a pool
 */
export function breakConnection(client: object): void {
  (client as { connection?: { stream?: { destroy(): void } } }).connection?.stream?.destroy();
}
