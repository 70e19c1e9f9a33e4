/** What a sender sent cannot be read. The message names no content. */
export class DecodeError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DecodeError';
  }
}

/** What was sent would take more memory than a delivery may. */
export class DeliveryTooLargeError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DeliveryTooLargeError';
  }
}

/** How deep values may nest: deeper ones could exhaust the stack. */
export const MAX_DEPTH = 16;

/** Two bytes of protobuf can ask for one object: so many are made for one delivery. */
const MAX_OBJECTS = 300_000;

/** Counts the objects that one delivery makes. */
export class ObjectBudget {
  #left = MAX_OBJECTS;

  /** @throws DeliveryTooLargeError when the budget is spent */
  take(): void {
    if (--this.#left < 0) throw new DeliveryTooLargeError(`more than ${MAX_OBJECTS} objects in one delivery`);
  }
}
