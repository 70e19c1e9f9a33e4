import { createHash, timingSafeEqual } from 'node:crypto';
import type { ConfigurationProblem } from './configuration/problems.ts';

/** What a caller of an operations listener may do: a viewer reads, an operator also changes and sees hosts and errors. */
export type OperationsRole = 'viewer' | 'operator';

/** A token of an operations listener and the role that it gives. */
export interface OperationsToken {
  readonly role: OperationsRole;
  readonly token: string;
}

/** What of a request decides about its access. */
export interface OperationsCaller {
  readonly authorization: string | undefined;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly secFetchSite: string | undefined;
}

/** The verdict: a role, or why there is none. */
export type OperationsAccess =
  | { readonly role: OperationsRole }
  | { readonly refused: 'auth_missing' | 'auth_invalid' | 'auth_forbidden'; readonly detail: string };

const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;

/** Whether an address binds only this machine. */
export function isLoopbackAddress(address: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|::1|::ffff:127(?:\.\d{1,3}){3})$/i.test(address);
}

/**
 * Decides what a caller of an operations listener may do.
 *
 * With tokens, a bearer token is needed (compared in constant time). Without, the listener is on loopback and the
 * caller is an operator, unless the request was made by a page of another site or under a name that is not loopback's
 * (DNS rebinding).
 *
 * @example
 * const access = operationsAccess(callerOf(req), env.OPERATIONS_TOKENS);
 */
export function operationsAccess(caller: OperationsCaller, tokens: readonly OperationsToken[]): OperationsAccess {
  if (tokens.length > 0) return byToken(caller.authorization, tokens);
  if (!LOOPBACK_HOST.test(caller.host ?? '')) {
    return { refused: 'auth_forbidden', detail: 'Without OPERATIONS_TOKENS only loopback host names are answered.' };
  }
  const sameSite = caller.secFetchSite === undefined || ['none', 'same-origin'].includes(caller.secFetchSite);
  const sameOrigin = caller.origin === undefined || caller.origin.replace(/^https?:\/\//, '') === caller.host;
  if (!sameSite || !sameOrigin) {
    return { refused: 'auth_forbidden', detail: 'Pages of other sites are not answered.' };
  }
  return { role: 'operator' };
}

function byToken(authorization: string | undefined, tokens: readonly OperationsToken[]): OperationsAccess {
  const presented = bearerToken(authorization);
  if (presented === undefined) {
    return { refused: 'auth_missing', detail: 'Send Authorization: Bearer with an operations token.' };
  }
  let found: OperationsRole | undefined;
  for (const { role, token } of tokens) {
    if (isSameSecret(token, presented) && found !== 'operator') found = role;
  }
  return found ? { role: found } : { refused: 'auth_invalid', detail: 'This operations token is not known.' };
}

/** The token of an `Authorization: Bearer` header. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
}

/** Whether two secrets are the same; takes equally long whatever they have in common. */
export function isSameSecret(one: string, other: string): boolean {
  return timingSafeEqual(digest(one), digest(other));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/**
 * The problem of an operations listener that others could reach without a token; undefined when it is in order.
 *
 * @param variable names the address, such as `WORKER_HOST`
 */
export function openListenerProblem(
  variable: string,
  host: string,
  tokens: readonly OperationsToken[],
): ConfigurationProblem | undefined {
  if (isLoopbackAddress(host) || tokens.length > 0) return undefined;
  return {
    file: 'environment',
    path: variable,
    message: 'the operations listener would be open to others without authentication',
    value: host,
    remedy: `set OPERATIONS_TOKENS, or ${variable}=127.0.0.1`,
  };
}
