import type { BlobPort } from "../../lib/checkpoint/blob-port.ts";
import type { PlanShape } from "../../lib/checkpoint/checkpoint-log.ts";
import type { Frame, LedgerCounts, OutboxEntry, StateContents, StoreChange } from "../../lib/engine/frame.ts";
import type { TaskId, World } from "../../lib/engine/ports.ts";

export const TASK: TaskId = { pipeline: "delays", partition: "0" };

export const SHAPE: PlanShape = {
  pipeline: "delays",
  stages: [
    { stage: "unique", kind: "dedupe", parameters: { within: 43_200_000 } },
    { stage: "stats", kind: "window", parameters: { size: 3_600_000, aggregates: { flights: "count" } } },
  ],
};

export const START = { position: 7, hubCreated: 1_000, partitions: 3 };
export const start = async () => START;

export const LEDGER: LedgerCounts = {
  source: { start: 7, processed: 0, lost: 0, holes: 0, control: 0 },
  stages: [],
};

/** A world whose chance follows from a seed and whose sleeps take a turn of the event loop, not time. */
export function seededWorld(seed = 1): World {
  let state = seed >>> 0;
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  let drawn = 0;
  return {
    now: () => 0,
    sleep: () => new Promise((resolve) => setImmediate(resolve)),
    nonce: () => {
      const nonce = Buffer.alloc(16);
      nonce.writeUInt32LE(seed, 0);
      nonce.writeUInt32LE(++drawn, 4);
      nonce.writeUInt32LE(Math.floor(random() * 2 ** 32), 8);
      return nonce;
    },
    random,
  };
}

/** Lets what happens beside a log come to an end. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** The names of blobs of one kind: "log", "snapshot", "payload" or "generation". */
export async function namesOf(blobs: BlobPort, kind: string): Promise<string[]> {
  return (await blobs.list("")).map(({ name }) => name).filter((name) => name.includes(`/${kind}/`));
}

/** A frame that sets keys of the store "counts". */
export function frameOf(
  position: number,
  counts: Readonly<Record<string, unknown>>,
  more: { confirmed?: number; outbox?: readonly OutboxEntry[]; changes?: readonly StoreChange[] } = {},
): Frame {
  const changes = more.changes ?? [{ store: "counts", bucket: 0, entries: Object.entries(counts).flat() }];
  const { confirmed = 0, outbox = [] } = more;
  return { position, watermark: position * 1_000, changes, outbox, confirmed, ledger: LEDGER };
}

/** A state as plain data. */
export function plain(state: StateContents): Record<string, Record<string, Record<string, unknown>>> {
  const objectOf = <K, V, W>(map: ReadonlyMap<K, V>, value: (from: V) => W): Record<string, W> =>
    Object.fromEntries([...map].map(([key, from]) => [String(key), value(from)]));
  return objectOf(state, (buckets) => objectOf(buckets, (keys) => objectOf(keys, (value) => value)));
}
