/**
 * The partition that Event Hubs over AMQP assigns to a partition key: Jenkins lookup3 over the key's UTF-8 bytes, folded
 * to 16 bits. Kafka clients use a hash of their own, so one key may land elsewhere over that protocol.
 */
export function partitionForKey(key: string, partitionCount: number): number {
  return Math.abs(hashPartitionKey(key) % partitionCount);
}

/** The signed 16-bit hash that the service keeps of a partition key. */
export function hashPartitionKey(key: string): number {
  const { length } = key;
  if (length > scratch.length) return hashBytes(Buffer.from(key, "utf8"));
  for (let i = 0; i < length; i++) {
    const code = key.charCodeAt(i);
    if (code > 127) return hashBytes(Buffer.from(key, "utf8"));
    scratch[i] = code;
  }
  return hashBytes(scratch, length);
}

/** Bytes of short keys: each event's key is hashed, and making a buffer costs several times what the hash does. */
const scratch = Buffer.alloc(64);

function hashBytes(bytes: Buffer, length = bytes.length): number {
  let a = (0xdeadbeef + length) | 0;
  let b = a;
  let c = a;
  let at = 0;
  for (; length - at > 12; at += 12) {
    a = (a + bytes.readInt32LE(at)) | 0;
    b = (b + bytes.readInt32LE(at + 4)) | 0;
    c = (c + bytes.readInt32LE(at + 8)) | 0;
    a = (((a - c) | 0) ^ rotate(c, 4)) | 0;
    c = (c + b) | 0;
    b = (((b - a) | 0) ^ rotate(a, 6)) | 0;
    a = (a + c) | 0;
    c = (((c - b) | 0) ^ rotate(b, 8)) | 0;
    b = (b + a) | 0;
    a = (((a - c) | 0) ^ rotate(c, 16)) | 0;
    c = (c + b) | 0;
    b = (((b - a) | 0) ^ rotate(a, 19)) | 0;
    a = (a + c) | 0;
    c = (((c - b) | 0) ^ rotate(b, 4)) | 0;
    b = (b + a) | 0;
  }
  // Only an empty key leaves nothing for the final round, which lookup3 then skips.
  if (at === length) return fold(b, c);
  // Missing bytes of the last block count as zero.
  a = (a + littleEndian(bytes, at, length)) | 0;
  b = (b + littleEndian(bytes, at + 4, length)) | 0;
  c = (c + littleEndian(bytes, at + 8, length)) | 0;
  c = ((c ^ b) - rotate(b, 14)) | 0;
  a = ((a ^ c) - rotate(c, 11)) | 0;
  b = ((b ^ a) - rotate(a, 25)) | 0;
  c = ((c ^ b) - rotate(b, 16)) | 0;
  a = ((a ^ c) - rotate(c, 4)) | 0;
  b = ((b ^ a) - rotate(a, 14)) | 0;
  c = ((c ^ b) - rotate(b, 24)) | 0;
  return fold(b, c);
}

function rotate(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}

function fold(b: number, c: number): number {
  return ((c ^ b) << 16) >> 16;
}

function littleEndian(bytes: Buffer, at: number, end: number): number {
  let value = 0;
  for (let i = 3; i >= 0; i--) value = (value << 8) | (at + i < end ? (bytes[at + i] as number) : 0);
  return value;
}
