import type { NextFunction, Request, Response } from 'express';

/** Lets clients know that the process is about to end, also those whose requests are in progress. */
export interface Drain {
  readonly draining: () => boolean;
  /** From now on every answer closes its connection: clients that keep theirs would hold up the end. */
  begin(): void;
  /** To be mounted before the routes. */
  readonly middleware: (request: Request, response: Response, next: NextFunction) => void;
}

/** Makes it. */
export function createDrain(): Drain {
  const open = new Set<Response>();
  let draining = false;
  const closeAfter = (response: Response): void => {
    if (!response.headersSent) response.setHeader('Connection', 'close');
  };
  return {
    draining: () => draining,
    begin() {
      draining = true;
      open.forEach(closeAfter);
    },
    middleware: function drain(_request, response, next) {
      if (draining) closeAfter(response);
      open.add(response);
      response.once('close', () => open.delete(response));
      next();
    },
  };
}
