import type { Json } from "./json.ts";

// Where a partition key lies between "" and "FF": the service's 128-bit MurmurHash3 (x64) of each component. It is
// needed only to read the change feed of a range of keys, so clarity counts for more than speed here.
const mask = (1n << 64n) - 1n;
const c1 = 0x87c37b91114253d5n;
const c2 = 0x4cf5ad432745937fn;

/** The effective partition key of a stored key (its canonical JSON text), as upper-case hexadecimal text. */
export function effectiveKey(key: string): string {
  const values = JSON.parse(key) as Json[];
  return values.map(hashComponent).join("");
}

function hashComponent(value: Json): string {
  const bytes = murmur128(encode(value)).reverse();
  bytes[0] = (bytes[0] ?? 0) & 0x3f;
  return bytes.toString("hex").toUpperCase();
}

function encode(value: Json): Buffer {
  if (typeof value === "string") return Buffer.concat([Buffer.of(0x08), Buffer.from(value), Buffer.of(0xff)]);
  if (typeof value === "number") {
    const bytes = Buffer.alloc(9);
    bytes[0] = 0x05;
    bytes.writeDoubleLE(value, 1);
    return bytes;
  }
  if (typeof value === "boolean") return Buffer.of(value ? 0x03 : 0x02);
  return Buffer.of(value === null ? 0x01 : 0x00);
}

function murmur128(bytes: Buffer): Buffer {
  let [h1, h2] = [0n, 0n];
  const whole = bytes.length - (bytes.length % 16);
  for (let at = 0; at < whole; at += 16) {
    h1 ^= mixFirst(bytes.readBigUInt64LE(at));
    h1 = (((rotate(h1, 27n) + h2) & mask) * 5n + 0x52dce729n) & mask;
    h2 ^= mixSecond(bytes.readBigUInt64LE(at + 8));
    h2 = (((rotate(h2, 31n) + h1) & mask) * 5n + 0x38495ab5n) & mask;
  }
  const tail = Buffer.alloc(16);
  bytes.copy(tail, 0, whole);
  h2 ^= mixSecond(tail.readBigUInt64LE(8));
  h1 ^= mixFirst(tail.readBigUInt64LE(0));
  return finish(h1 ^ BigInt(bytes.length), h2 ^ BigInt(bytes.length));
}

function finish(first: bigint, second: bigint): Buffer {
  let h1 = (first + second) & mask;
  let h2 = (second + h1) & mask;
  h1 = avalanche(h1);
  h2 = avalanche(h2);
  h1 = (h1 + h2) & mask;
  h2 = (h2 + h1) & mask;
  const result = Buffer.alloc(16);
  result.writeBigUInt64LE(h1, 0);
  result.writeBigUInt64LE(h2, 8);
  return result;
}

const rotate = (value: bigint, by: bigint) => ((value << by) | (value >> (64n - by))) & mask;
const mixFirst = (value: bigint) => (rotate((value * c1) & mask, 31n) * c2) & mask;
const mixSecond = (value: bigint) => (rotate((value * c2) & mask, 33n) * c1) & mask;

function avalanche(value: bigint): bigint {
  let mixed = value ^ (value >> 33n);
  mixed = (mixed * 0xff51afd7ed558ccdn) & mask;
  mixed ^= mixed >> 33n;
  mixed = (mixed * 0xc4ceb9fe1a85ec53n) & mask;
  return mixed ^ (mixed >> 33n);
}
