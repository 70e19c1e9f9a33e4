/**
 * The first line of a shown output that a real one lacks; undefined when all are there, in order. What differs from time
 * to time (ids, durations, ports, counts in brackets) counts as equal, and a line `…` stands for any others.
 *
 * @param shown the block of the document
 * @param real what the command printed
 */
export function missingLine(shown: string, real: string): string | undefined {
  const printed = real.split('\n').map(normalise);
  let from = 0;
  for (const line of shown.split('\n')) {
    const wanted = normalise(line);
    if (wanted === '' || wanted === '…') continue;
    const at = printed.indexOf(wanted, from);
    if (at < 0) return line;
    from = at + 1;
  }
  return undefined;
}

function normalise(line: string): string {
  return line
    .trim()
    .replace(/\b[0-9a-f]{16,}\b/g, 'ID')
    .replace(/\b\d+(?:\.\d+)? m?s\b/g, 'TIME')
    .replace(/127\.0\.0\.1:\d+/g, 'ADDRESS')
    .replace(/\(\d+\)/g, '(N)')
    .replace(/[█·]+/g, 'BAR')
    .replace(/\s+/g, ' ');
}
