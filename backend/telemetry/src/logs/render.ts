/** What stands at the front of a pretty line and not among its fields. */
const FRONT = new Set(['timestamp', 'level', 'message', 'service']);
const COLOURS: Record<string, string> = { error: '\u001b[31m', warn: '\u001b[33m', debug: '\u001b[90m' };
const RESET = '\u001b[0m';
/** C0 and C1 control characters, delete, and the two separators that some readers take for line breaks. */
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

/** One line of JSON: control characters are escaped by JSON, values that it cannot hold are described. */
export function renderJson(line: Record<string, unknown>): string {
  try {
    return JSON.stringify(line);
  } catch {
    return JSON.stringify(line, describeUnusual());
  }
}

/** For values that JSON refuses: big integers as text, cycles cut. */
function describeUnusual(): (key: string, value: unknown) => unknown {
  const seen = new WeakSet<object>();
  return (_key, value) => {
    if (typeof value === 'bigint') return value.toString();
    if (typeof value !== 'object' || value === null) return value;
    if (seen.has(value)) return '[seen above]';
    seen.add(value);
    return value;
  };
}

/** One line for a person: time, level, message, then `name=value`. Nothing in it can break the line or move the cursor. */
export function renderPretty(colours: boolean): (line: Record<string, unknown>) => string {
  return (line) => {
    const level = String(line.level);
    const colour = colours ? (COLOURS[level] ?? '') : '';
    const time = String(line.timestamp).slice(11, 23);
    const fields = Object.entries(line)
      .filter(([name, value]) => !FRONT.has(name) && value !== undefined)
      .map(([name, value]) => ` ${escapeControl(name)}=${pretty(value)}`);
    const head = `${time} ${colour}${level.padEnd(5)}${colour === '' ? '' : RESET}`;
    return `${head} ${escapeControl(String(line.message))}${fields.join('')}`;
  };
}

function pretty(value: unknown): string {
  if (typeof value === 'string' && /^[^\s"=]+$/.test(value)) return escapeControl(value);
  return escapeControl(renderJson(value as Record<string, unknown>) ?? 'undefined');
}

function escapeControl(text: string): string {
  return text.replace(CONTROL, (character) => {
    if (character === '\n') return '\\n';
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
