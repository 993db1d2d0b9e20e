import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createCheckpointStore } from "../../lib/checkpoint/index.ts";
import { NO_WATERMARK } from "../../lib/engine/frame.ts";
import { memoryBlobs } from "../../lib/testing/memory-blobs.ts";
import { frameOf, LEDGER, plain, SHAPE, START, seededWorld, start, TASK } from "./support.ts";

describe("checkpoint log", () => {
  it("gives back what was appended", async () => {
    const blobs = memoryBlobs();
    const store = createCheckpointStore({ blobs, world: seededWorld() });
    assert.equal(await store.peek(TASK), undefined);

    const first = await store.open(TASK, SHAPE, start);
    assert.equal(first.recovered.position, START.position);
    assert.equal(first.recovered.watermark, NO_WATERMARK);
    assert.equal(first.recovered.ledger, undefined);
    assert.deepEqual([first.recovered.generation, first.recovered.sequence], [1, 1]);
    const messages = [{ id: "a" }, { id: "b", at: 5.5, none: undefined }];
    const stamp = await first.append(frameOf(9, { ORD: 1, LGA: { late: 2 } }, { outbox: [{ sink: "db", messages }] }));
    assert.deepEqual([stamp.generation, stamp.sequence, stamp.pipeline, stamp.partition], [1, 2, "delays", "0"]);
    await first.append(frameOf(11, { ORD: undefined, JFK: [1, 2] }));

    const { recovered } = await store.open(TASK, SHAPE, () => assert.fail("the log has a start"));
    assert.deepEqual(plain(recovered.state), { counts: { 0: { LGA: { late: 2 }, JFK: [1, 2] } } });
    assert.deepEqual(recovered.pending, [{ stamp, outbox: [{ sink: "db", messages }] }]);
    assert.deepEqual(
      [recovered.position, recovered.watermark, recovered.sequence, recovered.confirmed],
      [11, 11_000, 4, 0],
    );
    assert.deepEqual(recovered.start, START);
    assert.deepEqual(recovered.ledger, LEDGER);
    assert.equal(recovered.openingsWithoutProgress, 1);
  });

  it("fences the owner before", async () => {
    const blobs = memoryBlobs();
    const old = await createCheckpointStore({ blobs, world: seededWorld(1) }).open(TASK, SHAPE, start);
    assert.equal(await old.superseded(), false);
    const fresh = await createCheckpointStore({ blobs, world: seededWorld(2) }).open(TASK, SHAPE, start);
    assert.equal(await old.superseded(), true);
    await assert.rejects(old.append(frameOf(8, { ORD: 1 })), { code: "FENCED" });
    await assert.rejects(old.append(frameOf(8, { ORD: 1 })), { code: "FENCED" });
    assert.equal(await fresh.superseded(), false);
    await fresh.append(frameOf(8, { ORD: 2 }));
  });

  it("is seen without being taken over", async () => {
    const store = createCheckpointStore({ blobs: memoryBlobs(), world: seededWorld() });
    const log = await store.open(TASK, SHAPE, start);
    const outbox = [{ sink: "db", messages: [1] }];
    await log.append(frameOf(8, {}, { outbox }));
    await log.append(frameOf(9, {}, { outbox, confirmed: 2 }));
    assert.deepEqual(await store.peek(TASK), {
      generation: 1,
      sequence: 3,
      position: 9,
      watermark: 9_000,
      confirmed: 2,
      pendingFrames: 1,
      start: START,
      ledger: LEDGER,
      idleDue: undefined,
    });
  });

  it("counts openings without progress", async () => {
    const store = createCheckpointStore({ blobs: memoryBlobs(), world: seededWorld() });
    for (const expected of [1, 2, 3]) {
      const { recovered } = await store.open(TASK, SHAPE, start);
      assert.equal(recovered.openingsWithoutProgress, expected);
    }
    const log = await store.open(TASK, SHAPE, start);
    await log.append(frameOf(8, {}));
    assert.equal((await store.open(TASK, SHAPE, start)).recovered.openingsWithoutProgress, 1);
  });
});
