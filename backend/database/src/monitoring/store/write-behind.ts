/** Something that is to be written when that is possible. */
type Write = () => Promise<void>;

/** What became of the writes. */
export interface WriteBehindStats {
  readonly waiting: number;
  readonly dropped: number;
}

/**
 * Writes in order, one after the other, and keeps what could not be written for the next try: while the database is
 * down, what is found out about it is worth the most. Bounded; the oldest goes first.
 */
export class WriteBehind {
  readonly #limit: number;
  readonly #onProblem: (error: unknown) => void;
  #writes: Write[] = [];
  #dropped = 0;
  #running: Promise<void> | undefined;

  constructor(limit: number, onProblem: (error: unknown) => void) {
    this.#limit = limit;
    this.#onProblem = onProblem;
  }

  get stats(): WriteBehindStats {
    return { waiting: this.#writes.length, dropped: this.#dropped };
  }

  /** Adds a write, to be made by the next `flush`. */
  add(write: Write): void {
    this.#writes.push(write);
    if (this.#writes.length <= this.#limit) return;
    this.#writes.shift();
    this.#dropped++;
  }

  /** Writes what waits, up to the first that fails. Never rejects. */
  flush(): Promise<void> {
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #run(): Promise<void> {
    for (let [write] = this.#writes; write; [write] = this.#writes) {
      try {
        await write();
      } catch (error) {
        return this.#onProblem(error);
      }
      // it may have been dropped meanwhile
      if (this.#writes[0] === write) this.#writes.shift();
    }
  }
}
