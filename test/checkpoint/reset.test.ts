import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CheckpointLog, createCheckpointStore } from "../../lib/checkpoint/index.ts";
import { type BlobHook, type MemoryBlobs, memoryBlobs } from "../../lib/testing/memory-blobs.ts";
import { frameOf, namesOf, plain, SHAPE, seededWorld, settle, start, TASK } from "./support.ts";

const storeOf = (blobs: MemoryBlobs, seed: number, hook?: BlobHook) =>
  createCheckpointStore({
    blobs: hook ? blobs.via(hook) : blobs,
    world: seededWorld(seed),
    limits: { segmentAppends: 4 },
  });

async function writtenLog(to = 10): Promise<{ blobs: MemoryBlobs; log: CheckpointLog }> {
  const blobs = memoryBlobs();
  const log = await storeOf(blobs, 1).open(TASK, SHAPE, start);
  for (let position = 8; position <= to; position++) {
    await log.append(frameOf(position, { ORD: position }));
    await settle();
  }
  return { blobs, log };
}

/** Does something once, before the first call of a kind that a store makes. */
function onceBefore(wanted: string, part: string, act: () => Promise<unknown>): BlobHook {
  let done = false;
  return async ({ call, blob }, proceed) => {
    if (!done && call === wanted && blob.includes(part)) {
      done = true;
      await act();
    }
    return proceed();
  };
}

describe("a reset", () => {
  it("fences the owner and begins a generation with nothing in it", async () => {
    const { blobs, log } = await writtenLog();
    const store = storeOf(blobs, 2);
    assert.equal(await store.reset(TASK), 1);
    await assert.rejects(log.append(frameOf(11, {})), { code: "FENCED" });
    assert.equal(await store.peek(TASK), undefined);
    const { recovered } = await store.open(TASK, SHAPE, async () => ({ position: 99, hubCreated: 5 }));
    assert.ok(recovered.generation > 1);
    assert.deepEqual([recovered.position, plain(recovered.state), recovered.start.hubCreated], [99, {}, 5]);
  });

  it("heals what is damaged or missing", async () => {
    const damaged = await writtenLog();
    const [name = ""] = await namesOf(damaged.blobs, "log");
    (damaged.blobs.contents(name) as Buffer).writeUInt8(0, 60);
    const store = storeOf(damaged.blobs, 2);
    await assert.rejects(store.open(TASK, SHAPE, start), { code: "LOG_DAMAGED" });
    await store.reset(TASK);
    assert.equal((await store.open(TASK, SHAPE, start)).recovered.position, 7);

    const lost = await writtenLog();
    for (const segment of await namesOf(lost.blobs, "log")) await lost.blobs.remove(segment);
    await storeOf(lost.blobs, 2).reset(TASK);
    assert.equal((await storeOf(lost.blobs, 2).open(TASK, SHAPE, start)).recovered.position, 7);
  });

  it("gives every further reset a larger generation", async () => {
    const { blobs } = await writtenLog();
    const store = storeOf(blobs, 2);
    let before = 1;
    for (let round = 0; round < 3; round++) {
      await store.reset(TASK);
      const { recovered } = await store.open(TASK, SHAPE, start);
      assert.ok(recovered.generation > before);
      before = recovered.generation;
    }
  });

  it("fences an owner also where the marker is gone and where the log is damaged", async () => {
    for (const spoil of ["marker", "frame"]) {
      const { blobs, log } = await writtenLog();
      const [marker = ""] = await namesOf(blobs, "generation");
      if (spoil === "marker") await blobs.remove(marker);
      else for (const name of await namesOf(blobs, "log")) (blobs.contents(name) as Buffer).writeUInt8(0, 60);
      const store = storeOf(blobs, 2);
      assert.equal(await store.reset(TASK), 1, spoil);
      assert.equal(await log.superseded(), true, spoil);
      await assert.rejects(log.append(frameOf(11, {})), { code: "FENCED" }, spoil);
      assert.equal(await store.peek(TASK), undefined);
      assert.equal((await store.open(TASK, SHAPE, start)).recovered.generation, 3);
    }
  });

  it("fences an owner that writes at the same moment", async () => {
    const { blobs, log } = await writtenLog();
    const write = () => log.append(frameOf(11, { ORD: 11 }));
    await storeOf(blobs, 2, onceBefore("append", "/log/", write)).reset(TASK);
    await assert.rejects(log.append(frameOf(12, {})), { code: "FENCED" });
  });

  it("is seen by an opening under way, which begins anew", async () => {
    // The head holds frames, or nothing but its header.
    for (const to of [10, 11, 12, 13, 14]) {
      const { blobs } = await writtenLog(to);
      const reset = () => storeOf(blobs, 2).reset(TASK);
      const log = await storeOf(blobs, 3, onceBefore("append", "/log/", reset)).open(TASK, SHAPE, start);
      assert.deepEqual([log.recovered.position, log.recovered.generation], [7, 3], `after ${to}`);
    }
  });

  it("that was cut short has ended the log all the same, and can be asked for again", async () => {
    const { blobs } = await writtenLog();
    const crash = () => Promise.reject(new Error("crashed before the marker"));
    await assert.rejects(storeOf(blobs, 2, onceBefore("create", "/generation/", crash)).reset(TASK), /crashed/);
    const store = storeOf(blobs, 3);
    assert.equal(await store.peek(TASK), undefined);
    assert.equal(await store.reset(TASK), 1);
    assert.equal((await store.open(TASK, SHAPE, start)).recovered.generation, 3);
  });
});
