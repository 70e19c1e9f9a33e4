/** What a label's value becomes when its budget is spent. */
export const OTHER = '_other';

/**
 * Bounds the number of values of one label: a metric with a label that anyone can fill costs memory for ever.
 * Values beyond the budget become `_other`, and each time is counted.
 */
export class LabelBudget {
  readonly label: string;
  readonly #limit: number;
  readonly #onOverflow: (label: string) => void;
  readonly #values = new Set<string>();

  /**
   * @param label for the overflow counter
   * @param limit how many different values may ever be seen
   */
  constructor(label: string, limit: number, onOverflow: (label: string) => void) {
    this.label = label;
    this.#limit = limit;
    this.#onOverflow = onOverflow;
  }

  /** Takes configured values in beforehand, so that invented ones cannot use up their place. */
  reserve(values: Iterable<string>): void {
    for (const value of values) this.fold(value);
  }

  /** The value itself, or `_other` when there is no room for it. */
  fold(value: string): string {
    if (this.#values.has(value)) return value;
    if (this.#values.size < this.#limit) {
      this.#values.add(value);
      return value;
    }
    this.#onOverflow(this.label);
    return OTHER;
  }
}
