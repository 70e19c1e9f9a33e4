import type { Item } from './items.ts';

/** What waits to be written, bounded by bytes. */
export class WriteQueue {
  readonly #maxBytes: number;
  #items: Item[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get length(): number {
    return this.#items.length;
  }

  get isFull(): boolean {
    return this.#bytes >= this.#maxBytes;
  }

  /** False when there is no room. */
  push(item: Item): boolean {
    if (this.isFull) return false;
    this.#items.push(item);
    this.#bytes += itemBytes(item);
    return true;
  }

  /** Takes what came first, up to `maxBytes` but at least one. */
  take(maxBytes: number): Item[] {
    let count = 0;
    let bytes = 0;
    for (const item of this.#items) {
      bytes += itemBytes(item);
      if (count > 0 && bytes > maxBytes) break;
      count++;
    }
    const taken = this.#items.slice(0, count);
    this.#items = this.#items.slice(count);
    this.#bytes = this.#items.length === 0 ? 0 : this.#bytes - taken.reduce((sum, item) => sum + itemBytes(item), 0);
    return taken;
  }
}

/** In characters: near enough to bytes, and what a string costs nothing to say. */
export function itemBytes({ body, origin }: Item): number {
  return body.length + origin.length;
}
