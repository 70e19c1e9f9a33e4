import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 8192;
const pool = Buffer.allocUnsafe(POOL_BYTES);
let position = POOL_BYTES;

/** Random lower-case hex of `bytes` bytes, from a pool that is filled rarely: one system call for hundreds of ids. */
function randomHex(bytes: number): string {
  if (position + bytes > POOL_BYTES) {
    randomFillSync(pool);
    position = 0;
  }
  position += bytes;
  return pool.toString('hex', position - bytes, position);
}

/** A new trace id: 32 hex digits, never all zero (W3C Trace Context, 3.2.2.3). */
export function newTraceId(): string {
  const id = randomHex(16);
  return id === '0'.repeat(32) ? newTraceId() : id;
}

/** A new span id: 16 hex digits, never all zero (W3C Trace Context, 3.2.2.4). */
export function newSpanId(): string {
  const id = randomHex(8);
  return id === '0'.repeat(16) ? newSpanId() : id;
}
