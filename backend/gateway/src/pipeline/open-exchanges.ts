import type { Exchange } from './exchange.ts';

/**
 * The exchanges that are under way. A list with known places, not a Set: a Set from which is deleted what is added makes
 * a new table every hundred requests or so, and each old one keeps those alive that were open then, past V8's young
 * generation. That trebled the time of its garbage collections.
 */
export class OpenExchanges implements Iterable<Exchange> {
  readonly #list: Exchange[] = [];

  get size(): number {
    return this.#list.length;
  }

  add(exchange: Exchange): void {
    exchange.place = this.#list.length;
    this.#list.push(exchange);
  }

  /** Does nothing for one that is not among them. */
  delete(exchange: Exchange): void {
    const { place } = exchange;
    if (this.#list[place] !== exchange) return;
    const last = this.#list.pop();
    if (last === undefined || last === exchange) return;
    this.#list[place] = last;
    last.place = place;
  }

  [Symbol.iterator](): Iterator<Exchange> {
    return [...this.#list].values();
  }
}
