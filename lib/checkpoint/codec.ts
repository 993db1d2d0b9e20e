import { Packr } from "msgpackr";

const packr = new Packr({ useRecords: true, copyBuffers: true });

/** Plain data as MessagePack. */
export function pack(value: unknown): Uint8Array {
  return packr.pack(value);
}

/** What `pack` packed. */
export function unpack<T>(bytes: Uint8Array): T {
  return packr.unpack(bytes) as T;
}

// Without records: their definitions only pay where many alike follow each other.
const maps = new Packr({ useRecords: false, mapsAsObjects: true, copyBuffers: true });

/** Plain data without maps as MessagePack, for one small thing of its kind. */
export function packAlone(value: unknown): Uint8Array {
  return maps.pack(value);
}

/** What `packAlone` packed; also what `pack` packed. */
export function unpackAlone<T>(bytes: Uint8Array): T {
  return maps.unpack(bytes) as T;
}
