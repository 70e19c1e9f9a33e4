const RIFF_HEADER_BYTES = 12;
const CHUNK_HEADER_BYTES = 8;
const BYTE_RATE_OFFSET = 8;

/**
 * How long a WAV file plays, from its first bytes; undefined when they are no WAV.
 *
 * Source: "Multimedia Programming Interface and Data Specifications 1.0", IBM and Microsoft, 1991: RIFF, chunks `fmt `
 * (with the bytes a second) and `data`.
 *
 * @param head the first kilobytes of the file
 * @returns seconds
 */
export function wavDurationSeconds(head: Buffer): number | undefined {
  if (head.toString('latin1', 0, 4) !== 'RIFF' || head.toString('latin1', 8, 12) !== 'WAVE') return undefined;
  let bytesPerSecond: number | undefined;
  for (let at = RIFF_HEADER_BYTES; at + CHUNK_HEADER_BYTES <= head.length;) {
    const kind = head.toString('latin1', at, at + 4);
    const sizeBytes = head.readUInt32LE(at + 4);
    const body = at + CHUNK_HEADER_BYTES;
    if (kind === 'fmt ' && body + BYTE_RATE_OFFSET + 4 <= head.length) {
      bytesPerSecond = head.readUInt32LE(body + BYTE_RATE_OFFSET);
    }
    if (kind === 'data') return bytesPerSecond ? sizeBytes / bytesPerSecond : undefined;
    at = body + sizeBytes + (sizeBytes % 2);
  }
  return undefined;
}
