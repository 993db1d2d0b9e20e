import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CheckpointLimits, type CheckpointLog, createCheckpointStore } from "../../lib/checkpoint/index.ts";
import { type BlobHook, type MemoryBlobs, memoryBlobs } from "../../lib/testing/memory-blobs.ts";
import { frameOf, namesOf, plain, SHAPE, seededWorld, settle, start, TASK } from "./support.ts";

const SMALL: Partial<CheckpointLimits> = { segmentAppends: 4, sliceItems: 3 };

const storeOf = (blobs: MemoryBlobs, seed = 1, limits = SMALL) =>
  createCheckpointStore({ blobs, world: seededWorld(seed), limits });

async function commit(log: CheckpointLog, from: number, to: number): Promise<number[]> {
  const sequences: number[] = [];
  for (let position = from; position < to; position++) {
    const stamp = await log.append(frameOf(position, { [`k${position % 7}`]: position, last: position }));
    sequences.push(stamp.sequence);
    await settle();
  }
  return sequences;
}

describe("rotation", () => {
  it("keeps the number of blobs bounded, the sequence dense and the state whole", async () => {
    const blobs = memoryBlobs();
    const log = await storeOf(blobs).open(TASK, SHAPE, start);
    const sequences = await commit(log, 8, 108);
    assert.deepEqual(
      sequences,
      Array.from({ length: 100 }, (_, index) => index + 2),
    );
    assert.ok((await namesOf(blobs, "log")).length <= 3, "covered segments are removed");
    // The newest, and perhaps one that no frame refers to yet.
    assert.ok((await namesOf(blobs, "snapshot")).length <= 2);
    assert.ok(blobs.calls.remove > 20);

    const { recovered } = await storeOf(blobs, 2).open(TASK, SHAPE, start);
    const expected = Object.fromEntries([101, 102, 103, 104, 105, 106, 107].map((at) => [`k${at % 7}`, at]));
    assert.deepEqual(plain(recovered.state).counts?.[0], { ...expected, last: 107 });
    assert.deepEqual([recovered.sequence, recovered.position], [102, 107]);
  });

  it("carries an unconfirmed outbox over any number of segments", async () => {
    const blobs = memoryBlobs();
    const store = storeOf(blobs);
    const log = await store.open(TASK, SHAPE, start);
    const outbox = [
      { sink: "db", messages: [1, 2, 3, 4, 5, 6, 7] },
      { sink: "hub", messages: ["a"] },
    ];
    const stamp = await log.append(frameOf(8, { first: 1 }, { outbox }));
    await commit(log, 9, 60);
    await log.close();
    const { recovered } = await store.open(TASK, SHAPE, start);
    assert.deepEqual(recovered.pending, [{ stamp, outbox }]);

    const next = await store.open(TASK, SHAPE, start);
    await next.append(frameOf(61, {}, { confirmed: stamp.sequence }));
    assert.deepEqual((await store.open(TASK, SHAPE, start)).recovered.pending, []);
  });

  it("happens at an opening too, or openings alone would fill a blob", async () => {
    const blobs = memoryBlobs();
    for (let opening = 1; opening <= 30; opening++) {
      const { recovered } = await storeOf(blobs, opening).open(TASK, SHAPE, start);
      assert.deepEqual([recovered.sequence, recovered.openingsWithoutProgress], [opening, opening]);
    }
    const ordinal = Number((await namesOf(blobs, "log")).at(-1)?.split("/").at(-1)?.split("-")[0]);
    assert.ok(ordinal >= 5, `thirty fences are in ${ordinal} segments, of which each takes four`);
  });

  it("leaves a candidate behind that belongs to nothing when the owner lost meanwhile", async () => {
    const blobs = memoryBlobs();
    const old = await storeOf(blobs, 1).open(TASK, SHAPE, start);
    // Full from the next append on, which prepares a candidate and does not wait for it.
    for (const position of [8, 9, 10, 11]) await old.append(frameOf(position, { ORD: position }));
    await settle();
    const fresh = await storeOf(blobs, 2, { segmentAppends: 100 }).open(TASK, SHAPE, start);
    await assert.rejects(old.append(frameOf(12, { ORD: "zombie" })), { code: "FENCED" });
    await fresh.append(frameOf(12, { ORD: 12 }));
    assert.equal((await namesOf(blobs, "log")).length, 2);
    const store = storeOf(blobs, 3, { segmentAppends: 100 });
    assert.equal((await store.peek(TASK))?.position, 12);
    assert.deepEqual(plain((await store.open(TASK, SHAPE, start)).recovered.state), { counts: { 0: { ORD: 12 } } });
  });

  it("is found although it happens between two reads of an opening", async () => {
    const blobs = memoryBlobs();
    // Both owners prepare a second segment; the first one's belongs to nothing and is looked at first.
    const old = await storeOf(blobs, 1).open(TASK, SHAPE, start);
    for (const position of [8, 9, 10, 11]) await old.append(frameOf(position, { ORD: position }));
    await settle();
    const owner = await storeOf(blobs, 2, { segmentAppends: 7 }).open(TASK, SHAPE, start);
    for (const position of [12, 13]) await owner.append(frameOf(position, { ORD: position }));
    await settle();
    const [root, first, second] = await namesOf(blobs, "log");
    const reads: string[] = [];
    const hook: BlobHook = async ({ call, blob }, proceed) => {
      const result = proceed();
      if (call === "read" && reads.push(blob) === 2) {
        for (const position of [14, 15]) await owner.append(frameOf(position, { ORD: position }));
      }
      return result;
    };
    const store = createCheckpointStore({ blobs: blobs.via(hook), world: seededWorld(3) });
    const { recovered } = await store.open(TASK, SHAPE, start);
    assert.deepEqual(reads.slice(0, 4), [first, root, second, root], "the stale copy was read again");
    assert.deepEqual([recovered.position, plain(recovered.state)], [15, { counts: { 0: { ORD: 15 } } }]);
  });

  it("fences an owner whose segment was removed", async () => {
    const blobs = memoryBlobs();
    const old = await storeOf(blobs, 1).open(TASK, SHAPE, start);
    const fresh = await storeOf(blobs, 2).open(TASK, SHAPE, start);
    await commit(fresh, 8, 40);
    assert.equal(await old.superseded(), true);
    await assert.rejects(old.append(frameOf(8, {})), { code: "FENCED", message: /deleted/ });
  });

  it("goes on from a snapshot that a crash left unfinished or unreferenced", async () => {
    const blobs = memoryBlobs();
    for (let round = 0; round < 12; round++) {
      const log = await storeOf(blobs, round + 1).open(TASK, SHAPE, start);
      const from = log.recovered.position + 1;
      for (let position = from; position < from + 5; position++) {
        await log.append(frameOf(position, { [`k${position % 5}`]: position }));
        for (let turn = 0; turn < round; turn++) await new Promise((resolve) => setImmediate(resolve));
      }
      await log.close();
    }
    const { recovered } = await storeOf(blobs, 99).open(TASK, SHAPE, start);
    assert.equal(recovered.position, 67);
    assert.deepEqual(plain(recovered.state).counts?.[0], { k0: 65, k1: 66, k2: 67, k3: 63, k4: 64 });
  });
});

describe("a large frame", () => {
  it("goes to a blob of its own and comes back whole, in order", async () => {
    const blobs = memoryBlobs();
    const store = storeOf(blobs, 1, { inlineBytes: 2_000, sliceItems: 50 });
    const log = await store.open(TASK, SHAPE, start);
    const keys = Array.from({ length: 3_000 }, (_, index) => [`key-${index}`, Math.imul(index, 2_654_435_761)]).flat();
    const messages = Array.from({ length: 1_000 }, (_, index) => ({ id: index }));
    const changes = [
      { store: "a", bucket: 1, entries: keys },
      { store: "a", bucket: 2, entries: ["gone", 1], dropped: true },
    ];
    const outbox = [
      { sink: "x", messages },
      { sink: "y", messages: [1] },
      { sink: "x", messages },
    ];
    await log.append(frameOf(8, {}, { changes, outbox }));
    assert.equal((await namesOf(blobs, "payload")).length, 1);
    const { recovered } = await store.open(TASK, SHAPE, start);
    assert.equal(recovered.state.get("a")?.get(1)?.size, 3_000);
    assert.equal(recovered.state.get("a")?.has(2), false);
    assert.deepEqual(recovered.pending[0]?.outbox, outbox);
    assert.equal((await store.peek(TASK))?.pendingFrames, 1);
  });

  it("is refused by name when it passes a limit, and the log goes on", async () => {
    const blobs = memoryBlobs();
    const store = storeOf(blobs, 1, { frameBytes: 1_000, pendingFrames: 2 });
    const log = await store.open(TASK, SHAPE, start);
    const large = Array.from({ length: 2_000 }, (_, index) => [`${Math.imul(index, 2_654_435_761)}`, index]).flat();
    const changes = [{ store: "a", bucket: 0, entries: large }];
    await assert.rejects(log.append(frameOf(8, {}, { changes })), {
      code: "LIMIT_EXCEEDED",
      message: /"frameBytes" is 1000/,
    });
    const outbox = [{ sink: "x", messages: [1] }];
    await log.append(frameOf(8, {}, { outbox }));
    const { sequence } = await log.append(frameOf(9, {}, { outbox }));
    await assert.rejects(log.append(frameOf(10, {}, { outbox })), {
      code: "LIMIT_EXCEEDED",
      message: /"pendingFrames" is 2/,
    });
    await log.append(frameOf(10, {}, { outbox, confirmed: sequence }));
    assert.deepEqual((await store.open(TASK, SHAPE, start)).recovered.pending.length, 1);
  });
});
