import { lookup, Resolver } from 'node:dns/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { hostsAddresses } from './hosts-file.ts';

/** The addresses of a name, and how long they hold. */
export interface Resolution {
  readonly addresses: readonly string[];
  readonly ttlSeconds: number;
}

/** The name has no address: nobody failed, there is none. */
export class NameNotFoundError extends Error {
  readonly code = 'ENOTFOUND';
}

/** The name could not be asked for. */
export class ResolutionError extends Error {
  readonly code = 'EAI_AGAIN';
  /** Whether a server answered that it cannot say, rather than none answering. */
  readonly isRefusal: boolean;

  constructor(message: string, { isRefusal = false, ...options }: ErrorOptions & { isRefusal?: boolean } = {}) {
    super(message, options);
    this.isRefusal = isRefusal;
  }
}

/** Asks for the addresses of a name. Rejects with `NameNotFoundError` or `ResolutionError`. */
export interface Query {
  (name: string): Promise<Resolution>;
  /** Ends what is asked. */
  cancel(): void;
}

/** How names are asked for. */
export interface QueryOptions {
  /** `address` or `address:port`; the system's without it. */
  readonly servers?: readonly string[] | undefined;
  /** For one try at one server. */
  readonly timeoutMs: number;
}

const TRIES = 2;
/** What is not from DNS has no time of its own. */
const OTHER_TTL_SECONDS = 30;
/** How long the second family is waited for when one has come. Source: RFC 8305, 3. */
const RESOLUTION_DELAY_MS = 50;
const NOT_FOUND = new Set(['ENOTFOUND', 'ENODATA']);
const ANSWERED = new Set([...NOT_FOUND, 'ESERVFAIL', 'EREFUSED', 'ENOTIMP', 'EFORMERR']);

/**
 * Makes a query: the machine's own file first, then DNS for addresses of both families, then, when DNS answers that it
 * does not know and no servers are configured, the system's look-up, which also knows search domains and other sources.
 *
 * DNS is asked with c-ares, since the system's look-up says no time to live and occupies a thread for as long as it takes;
 * of these there are four, and files are read with them too. So of the system's look-ups one runs at a time.
 */
export function createQuery({ servers, timeoutMs }: QueryOptions): Query {
  const open = (): Resolver => {
    const fresh = new Resolver({ timeout: timeoutMs, tries: TRIES });
    if (servers) fresh.setServers(servers);
    return fresh;
  };
  let resolver = open();
  let lastLookup: Promise<unknown> = Promise.resolve();
  const bySystem = (name: string): Promise<Resolution> => {
    const own = lastLookup.then(() => systemLookup(name));
    lastLookup = own.catch(() => undefined);
    return own;
  };
  const query = async (name: string): Promise<Resolution> => {
    const own = await hostsAddresses(name);
    if (own.length > 0) return { addresses: own, ttlSeconds: OTHER_TTL_SECONDS };
    try {
      return await byDns(resolver, name);
    } catch (error) {
      if (servers !== undefined) throw error;
      if (error instanceof NameNotFoundError || (error as ResolutionError).isRefusal) return bySystem(name);
      // the system's servers may have changed since
      resolver = open();
      throw error;
    }
  };
  return Object.assign(query, { cancel: () => resolver.cancel() });
}

async function byDns(resolver: Resolver, name: string): Promise<Resolution> {
  const families = [resolver.resolve4(name, { ttl: true }), resolver.resolve6(name, { ttl: true })];
  const settled = families.map((family) =>
    family.then((records) => ({ records })).catch((error: unknown) => ({ error })),
  );
  const first = await Promise.any(families).catch(() => undefined);
  // one has come: a server that never answers for the other family must not hold it up
  const isPatient = first === undefined || first.length === 0;
  const late = { error: undefined };
  const outcomes = await Promise.all(
    settled.map((each) => (isPatient ? each : Promise.race([each, delay(RESOLUTION_DELAY_MS, late)]))),
  );
  const records = outcomes.flatMap((outcome) => ('records' in outcome ? outcome.records : []));
  if (records.length > 0) {
    return { addresses: records.map(({ address }) => address), ttlSeconds: Math.min(...records.map(({ ttl }) => ttl)) };
  }
  const codes = outcomes.map((outcome) => ('error' in outcome ? codeOf(outcome.error) : 'ENODATA'));
  if (codes.every((code) => NOT_FOUND.has(code))) throw new NameNotFoundError(`the name ${name} has no address`);
  const isRefusal = codes.every((code) => ANSWERED.has(code));
  throw new ResolutionError(`the name ${name} could not be resolved: ${codes.join(', ')}`, { isRefusal });
}

async function systemLookup(name: string): Promise<Resolution> {
  try {
    const found = await lookup(name, { all: true });
    return { addresses: found.map(({ address }) => address), ttlSeconds: OTHER_TTL_SECONDS };
  } catch (error) {
    if (codeOf(error) === 'ENOTFOUND') throw new NameNotFoundError(`the name ${name} has no address`, { cause: error });
    throw new ResolutionError(`the name ${name} could not be resolved: ${codeOf(error)}`, { cause: error });
  }
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | undefined)?.code ?? error);
}
