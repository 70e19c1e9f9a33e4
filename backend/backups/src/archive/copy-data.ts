import { BackupFailure } from '../failures.ts';
import { truncated, type ByteReader } from './byte-reader.ts';

const END = Buffer.from('\\.\n');
const END_AFTER_LINE = Buffer.from('\n\\.\n');

/**
 * The rows of a COPY block in a script, up to the line `\.`, which is taken too.
 *
 * @throws BackupFailure `damaged` when the script ends before
 */
export async function* copyBlock(reader: ByteReader): AsyncGenerator<Buffer, void, undefined> {
  await reader.fill(END.length);
  if (reader.buffered.subarray(0, END.length).equals(END)) return reader.skip(END.length);
  for (;;) {
    const at = reader.buffered.indexOf(END_AFTER_LINE);
    if (at >= 0) {
      yield reader.take(at + 1);
      return reader.skip(END.length);
    }
    // the end may lie across two pieces
    const safe = Math.max(0, reader.buffered.length - END_AFTER_LINE.length + 1);
    if (safe > 0) yield reader.take(safe);
    const before = reader.buffered.length;
    if (!(await reader.fill(before + 64 * 1024)) && reader.buffered.length === before)
      throw truncated(reader.position + before);
  }
}

/** The rows of an archive's block: it ends with the line `\.` and empty lines, which the protocol needs not. */
export async function* withoutEndMarker(data: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let kept: Buffer = Buffer.alloc(0);
  let isStart = true;
  let isOver = false;
  for await (const piece of data) {
    if (isOver) continue; // the block is read to its end
    const bytes = kept.length > 0 ? Buffer.concat([kept, piece]) : piece;
    if (isStart && bytes.length < END.length) {
      kept = bytes;
      continue;
    }
    // only a whole line is the end: within a value a backslash is written twice
    const line = bytes.indexOf(END_AFTER_LINE);
    const at = isStart && bytes.subarray(0, END.length).equals(END) ? 0 : line < 0 ? -1 : line + 1;
    isStart = false;
    isOver = at >= 0;
    const safe = isOver ? at : Math.max(0, bytes.length - END_AFTER_LINE.length + 1);
    if (safe > 0) yield bytes.subarray(0, safe);
    kept = bytes.subarray(safe);
  }
  if (!isOver) throw new BackupFailure('damaged', 'the rows of a table end in the middle');
}

/** Counts rows of COPY data: a line break within a value is written `\n`. */
export function countLines(data: Buffer): number {
  let lines = 0;
  for (let at = data.indexOf(10); at >= 0; at = data.indexOf(10, at + 1)) lines++;
  return lines;
}
