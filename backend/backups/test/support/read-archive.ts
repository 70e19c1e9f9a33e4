import { ByteReader } from '../../src/archive/byte-reader.ts';
import { openArchive } from '../../src/archive/open-archive.ts';
import { statementsOf } from '../../src/archive/plain-archive.ts';

/** Hands bytes out in pieces of a size, as a disk or a network may. */
export async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  await Promise.resolve();
}

/** Reads a dump to its end, and returns its steps as texts. */
export async function readSteps(bytes: Buffer, pieceSize = 64): Promise<string[]> {
  const archive = await openArchive(inPieces(bytes, pieceSize));
  const steps: string[] = [];
  for await (const item of archive.items) {
    if (item.kind === 'sql') {
      steps.push(item.sql);
      continue;
    }
    if (item.kind === 'script') {
      for await (const sql of statementsOf(new ByteReader(item.data), item)) steps.push(sql);
      continue;
    }
    const data: Buffer[] = [];
    for await (const piece of item.data) data.push(piece);
    const content = Buffer.concat(data).toString('latin1');
    steps.push(item.kind === 'copy' ? `${item.sql}|${content}` : `large object ${item.oid}|${content}`);
  }
  return steps;
}
