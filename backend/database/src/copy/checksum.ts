import { hash } from 'node:crypto';

const MODULUS = 1n << 64n;

/**
 * A checksum of rows in any order: the sum of a hash of each. Equal rows count as often as they are there.
 *
 * @example
 * const sum = new RowSum();
 * sum.add(['1', null, 'text']);
 * sum.toString(); // 16 hexadecimal digits
 */
export class RowSum {
  #sum = 0n;
  #rows = 0;

  get rows(): number {
    return this.#rows;
  }

  /** Adds a row: its values in one form for equal values, null for NULL. */
  add(values: readonly (string | null)[]): void {
    const digest = hash('sha1', JSON.stringify(values), 'buffer');
    this.#sum = (this.#sum + digest.readBigUInt64BE()) % MODULUS;
    this.#rows++;
  }

  toString(): string {
    return this.#sum.toString(16).padStart(16, '0');
  }
}
