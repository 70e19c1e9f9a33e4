import type { IncomingMessage, ServerResponse } from 'node:http';

/** What is used of Express's request; written so that the package needs no Express of its own. */
export interface ServiceRequest extends IncomingMessage {
  readonly originalUrl?: string;
  readonly baseUrl?: string;
  readonly route?: { readonly path?: unknown };
  readonly ip?: string | undefined;
  readonly protocol?: string;
}

/** What is used of Express's response. */
export type ServiceResponse = ServerResponse;

/** Express's `next`. */
export type Next = (error?: unknown) => void;
