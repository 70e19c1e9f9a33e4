const HIDDEN = '[hidden]';

/** Names whose values are never written, in any spelling: `apiKey`, `api_key`, `X-Api-Key`. */
const SECRET_NAME =
  /pass(?:word|wd|phrase)?$|^pwd$|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|signing[-_]?key|authorization|credential|cookie|^dsn$|session[-_]?id|^jwt$|connection[-_]?string/i;

/** Names that only look secret. */
const HARMLESS_NAME = /^(?:trace|span|request|token[-_]?(?:count|type))[-_]?(?:id)?s?$/i;

/** What a text must contain for any of the patterns to match: most texts are done after this one test. */
const SUSPICIOUS =
  /:\/\/|eyJ|-----BEGIN|bearer|basic|digest|negotiate|passw|pwd|passphrase|secret|token|key|signature|authorization|cookie|session|[sr]k_|gh[pousr]_|github_pat_|xox|AKIA|ASIA|AIza/i;

const PATTERNS: readonly [RegExp, string][] = [
  [/-----BEGIN [A-Z ]{1,40}-----[\s\S]*?(?:-----END [A-Z ]{1,40}-----|$)/g, HIDDEN],
  [/\b(Bearer|Basic|Digest|Negotiate)\s+[A-Za-z0-9+/._~=-]{6,}/gi, `$1 ${HIDDEN}`],
  // tokens that begin like JSON in base64; each run of characters is read from its beginning only, else it is read again and
  // again where such a beginning is repeated
  [/(?<![\w-])(?=[\w-]*?eyJ[\w-]{5})[\w-]+\.[\w-]{5,}(?:\.[\w-]*)?/g, HIDDEN],
  // credentials in an address: scheme://user:password@host
  [/:\/\/[^\s/?#@]{1,512}@/g, `://${HIDDEN}@`],
  // name=value, name: value and "name":"value" where the name ends with a word that says that it is secret
  [
    /((?:password|passwd|pwd|passphrase|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|signature|authorization|cookie|session[-_]?id)["']?\s{0,3}[=:]\s{0,3})(?:"[^"]*"|'[^']*'|[^\s&,;"'})\]]+)/gi,
    `$1${HIDDEN}`,
  ],
  // keys of well-known services: Stripe, GitHub, Slack, AWS, Google
  [/\b(?:[sr]k_(?:live|test)_|gh[pousr]_|github_pat_|xox[abprs]-|AKIA|ASIA|AIza)[A-Za-z0-9_-]{8,}/g, HIDDEN],
];

/** Long runs of hex or base64: hidden unless they are ids of ours (16 or 32 hex digits), a UUID or a path. */
const LONG_RUN = /[A-Za-z0-9+_-]{33,}={0,2}/g;
const MAX_LENGTH = 16_384;

/** Whether a key's value must not be written. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name) && !HARMLESS_NAME.test(name);
}

/**
 * Text without what looks like a credential: bearer tokens, JWTs, keys, long hex or base64, `name=value` of secret
 * names, and credentials in URLs. Trace ids, span ids and UUIDs stay.
 *
 * @example
 * scrub('postgres://app:pw@db/app failed') // 'postgres://[hidden]@db/app failed'
 */
export function scrub(text: string): string {
  let clean = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
  if (SUSPICIOUS.test(clean)) {
    for (const [pattern, replacement] of PATTERNS) clean = clean.replace(pattern, replacement);
  }
  return clean.replace(LONG_RUN, (run) => (looksRandom(run) ? HIDDEN : run));
}

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** A token mixes digits and letters; a long identifier of code or a kebab-case name does not mix many digits. */
function looksRandom(run: string): boolean {
  if (UUID.test(run)) return false;
  const digits = run.replace(/\D/g, '').length;
  const mixedCase = /[a-z]/.test(run) && /[A-Z]/.test(run);
  const isHex = /^[0-9a-f]+$/i.test(run);
  return isHex || (digits >= 3 && (mixedCase || digits >= run.length / 6));
}

const LETTER_B = 0x62;
const SEPARATES = 0;
/** Can stand in a token. */
const CONTINUES = 1;
/** Stands between a secret and its name, or before credentials. */
const SUSPICIOUS_ALONE = 2;
const PATH_CHARACTERS = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  if (/[:=]/.test(character)) return SUSPICIOUS_ALONE;
  return /[A-Za-z0-9+_.-]/.test(character) ? CONTINUES : SEPARATES;
});
const SUSPICIOUS_RUN = 20;

/**
 * Whether a path holds what it must for `scrub` to change it: 20 characters of a token in a row, `:`, `=` or `Bearer`.
 * One pass over its characters, since a pattern tries each run again from each of its characters.
 */
export function isSuspiciousPath(path: string): boolean {
  let run = 0;
  for (let at = 0; at < path.length; at++) {
    const code = path.charCodeAt(at);
    const kind = code < 128 ? PATH_CHARACTERS[code] : SEPARATES;
    run = kind === CONTINUES ? run + 1 : 0;
    if (kind === SUSPICIOUS_ALONE || run === SUSPICIOUS_RUN) return true;
    if ((code | 0x20) === LETTER_B && path.slice(at, at + 6).toLowerCase() === 'bearer') return true;
  }
  return false;
}

/** `scrub` for the path of each request: one test where, as nearly always, there is nothing to hide. */
export function scrubPath(path: string): string {
  return isSuspiciousPath(path) ? scrub(path) : path;
}

const MAX_DEPTH = 8;

/**
 * A copy of a value in which every string is scrubbed and every value of a secret name is hidden. Cycles and depth are
 * cut, so that it may be given anything.
 */
export function scrubValue(value: unknown, depth = MAX_DEPTH): unknown {
  if (typeof value === 'string') return scrub(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth <= 0) return '[too deep]';
  if (Array.isArray(value)) return value.map((item) => scrubValue(item, depth - 1));
  if (value instanceof Error) return scrub(value.stack ?? value.message);
  if (value instanceof Date || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, isSecretName(key) ? HIDDEN : scrubValue(item, depth - 1)]),
  );
}
