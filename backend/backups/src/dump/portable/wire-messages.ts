/** Messages of PostgreSQL's protocol that the relay makes or cuts out itself. */

const SSL_REQUEST = 80877103;
const GSS_REQUEST = 80877104;

/** Whether a first packet asks for encryption: the relay's other end has it already. */
export const asksForEncryption = (packet: Buffer): boolean =>
  packet.length >= 8 && [SSL_REQUEST, GSS_REQUEST].includes(packet.readInt32BE(4));

/** What a server says to one that has logged in. */
export function greeting(parameters: Readonly<Record<string, string>>): Uint8Array {
  return new Uint8Array(
    Buffer.concat([
      message('R', int32(0)),
      ...Object.entries(parameters).map(([name, value]) => message('S', Buffer.from(`${name}\0${value}\0`))),
      message('K', int32(0), int32(0)),
      message('Z', Buffer.from('I')),
    ]),
  );
}

function message(type: string, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** The type of the last whole message and how many bytes all whole messages have. */
export function wholeMessages(bytes: Buffer): { readonly size: number; readonly last: string } {
  let size = 0;
  let last = '';
  while (bytes.length - size >= 5 && bytes.length - size >= 1 + bytes.readInt32BE(size + 1)) {
    last = String.fromCharCode(bytes[size] ?? 0);
    size += 1 + bytes.readInt32BE(size + 1);
  }
  return { size, last };
}
