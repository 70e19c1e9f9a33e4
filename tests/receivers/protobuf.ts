/** Fields of one message by number: lengths as bytes, others as integers. Source: protobuf.dev, "Encoding". */
export type Message = ReadonlyMap<number, readonly (Buffer | bigint)[]>;

/** Reads one message without its schema. */
export function readMessage(bytes: Buffer): Message {
  const fields = new Map<number, (Buffer | bigint)[]>();
  let position = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[position++];
      if (byte === undefined) throw new Error('protobuf message is cut off');
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const take = (length: number): Buffer => {
    position += length;
    return bytes.subarray(position - length, position);
  };
  while (position < bytes.length) {
    const tag = Number(varint());
    const value = readValue(tag & 7, varint, take);
    const known = fields.get(tag >> 3);
    if (known) known.push(value);
    else fields.set(tag >> 3, [value]);
  }
  return fields;
}

function readValue(wireType: number, varint: () => bigint, take: (length: number) => Buffer): Buffer | bigint {
  switch (wireType) {
    case 0:
      return varint();
    case 1:
      return take(8).readBigUInt64LE();
    case 2:
      return take(Number(varint()));
    case 5:
      return BigInt(take(4).readUInt32LE());
    default:
      throw new Error(`unknown protobuf wire type ${wireType}`);
  }
}

/** The messages, strings or byte fields with this number. */
export function many(message: Message, field: number): Buffer[] {
  return (message.get(field) ?? []).filter((value): value is Buffer => typeof value !== 'bigint');
}

/** The first of them, empty when absent. */
export function one(message: Message, field: number): Buffer {
  return many(message, field)[0] ?? Buffer.alloc(0);
}

/** A number field, 0 when absent. */
export function integer(message: Message, field: number): bigint {
  const value = message.get(field)?.[0];
  return typeof value === 'bigint' ? value : 0n;
}
