import type { Tunnel } from './tunnel.ts';

/** The upgraded connections that are open. */
export class OpenUpgrades {
  readonly #open = new Set<Tunnel>();
  #whenEmpty: (() => void)[] = [];
  #isClosing = false;

  get size(): number {
    return this.#open.size;
  }

  /** Whether none is opened any more. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  add(tunnel: Tunnel): void {
    this.#open.add(tunnel);
  }

  delete(tunnel: Tunnel): void {
    this.#open.delete(tunnel);
    if (this.#open.size === 0) this.#whenEmpty.splice(0).forEach((resolve) => resolve());
  }

  /**
   * Closes all of them and opens none any more: WebSockets by a Close frame, others by the end of their connection.
   *
   * @param code of the Close frames, such as 1001 (going away)
   * @param limitMs who has not closed by then is cut off
   * @returns how many were open, when all are closed
   * @example
   * await gateway.upgrades.closeAll(1001, { limitMs: 2000 });
   */
  async closeAll(code: number, { limitMs = 2000, reason = 'going away' } = {}): Promise<number> {
    this.#isClosing = true;
    const open = [...this.#open];
    for (const tunnel of open) tunnel.close(code, reason, limitMs);
    if (this.#open.size > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
    return open.length;
  }
}
