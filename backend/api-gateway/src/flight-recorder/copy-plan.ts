/** What the memory says of itself when it is copied. */
export interface CopiedState {
  readonly totalRequests: number;
  readonly openRequests: number;
  /** How often the main thread has beaten. */
  readonly beat: number;
}

/**
 * Decides how much of the memory is copied to the file: all of it when anything but signs of life is new. Where a request
 * went is written with the beat that follows its end, so all is copied until such a beat was.
 */
export class CopyPlan {
  #requests = -1;
  #open = -1;
  #changedAtBeat = 0;
  #isSettled = false;

  /** Whether all is to be copied now. */
  needsAll({ totalRequests, openRequests, beat }: CopiedState): boolean {
    if (totalRequests !== this.#requests || openRequests !== this.#open) {
      this.#requests = totalRequests;
      this.#open = openRequests;
      this.#changedAtBeat = beat;
      this.#isSettled = false;
    }
    return !this.#isSettled || openRequests > 0;
  }

  /** All was copied. */
  copied({ beat }: CopiedState): void {
    this.#isSettled = beat !== this.#changedAtBeat;
  }
}
