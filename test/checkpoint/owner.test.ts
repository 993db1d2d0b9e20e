import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CheckpointLimits, createCheckpointStore } from "../../lib/checkpoint/index.ts";
import type { LedgerCounts } from "../../lib/engine/frame.ts";
import { type BlobHook, memoryBlobs } from "../../lib/testing/memory-blobs.ts";
import { frameOf, plain, SHAPE, seededWorld, settle, start, TASK } from "./support.ts";

/** A log, its storage, and how often its world has slept; `hook` stands before the storage. */
async function ownedLog(limits: Partial<CheckpointLimits> = {}, hook?: BlobHook) {
  const blobs = memoryBlobs();
  const world = seededWorld(1);
  const slept = { times: 0 };
  const sleep = (milliseconds: number): Promise<void> => {
    slept.times++;
    return world.sleep(milliseconds);
  };
  const store = createCheckpointStore({
    blobs: hook ? blobs.via(hook) : blobs,
    world: { ...world, sleep },
    limits: { segmentAppends: 4, ...limits },
  });
  const reopen = () => createCheckpointStore({ blobs, world: seededWorld(2) }).open(TASK, SHAPE, start);
  return { blobs, slept, store, log: await store.open(TASK, SHAPE, start), reopen };
}

const callsOf = (blobs: { readonly calls: Readonly<Record<string, number>> }) =>
  Object.values(blobs.calls).reduce((sum, count) => sum + count, 0);

describe("an owner", () => {
  it("appends what it is given at once one after the other", async () => {
    const { log, reopen } = await ownedLog({ segmentAppends: 100 });
    const stamps = await Promise.all([8, 9, 10].map((position) => log.append(frameOf(position, { ORD: position }))));
    assert.deepEqual(
      stamps.map(({ sequence }) => sequence),
      [2, 3, 4],
    );
    assert.equal((await reopen()).recovered.position, 10);
  });

  it("leaves storage alone once it has closed its log, and takes nothing any more", async () => {
    const { blobs, log, reopen } = await ownedLog();
    for (let position = 8; position < 14; position++) await log.append(frameOf(position, { ORD: position }));
    await log.close();
    const calls = callsOf(blobs);
    await settle();
    await assert.rejects(log.append(frameOf(14, {})), { code: "FENCED", message: /it was closed/ });
    assert.equal(callsOf(blobs), calls);
    assert.equal((await reopen()).recovered.position, 13);
  });

  it("leaves storage alone once it was fenced, whatever snapshot it had in hand", async () => {
    let snapshots = 0;
    const hook: BlobHook = async ({ call, blob }, proceed) => {
      if (blob.includes("/snapshot/") && call === "createAppend") snapshots++;
      return proceed();
    };
    const { log, reopen } = await ownedLog({}, hook);
    for (let position = 8; position < 14; position++) await log.append(frameOf(position, { ORD: position }));
    await (await reopen()).close();
    // A segment was closed, and its snapshot takes turns.
    await assert.rejects(log.append(frameOf(14, {})), { code: "FENCED" });
    await settle();
    assert.equal(snapshots, 0);
  });

  it("confirms only what it knows, and goes on", async () => {
    const { log, reopen } = await ownedLog();
    await log.append(frameOf(8, {}, { confirmed: 1 }));
    await assert.rejects(log.append(frameOf(9, {}, { confirmed: 3 })), /confirms 3, which is not between 1 and 2/);
    await assert.rejects(log.append(frameOf(9, {}, { confirmed: 0 })), /confirms 0, which is not between 1 and 2/);
    await log.append(frameOf(9, {}, { confirmed: 2 }));
    assert.equal((await reopen()).recovered.confirmed, 2);
  });

  it("is told the limit of a frame's counts, and goes on", async () => {
    const { log } = await ownedLog();
    const row = { in: 1, passed: 1, aggregated: 0, filtered: 0, late: 0, deadLettered: 0, duplicate: 0, out: 1 };
    const stages = Array.from({ length: 9_000 }, (_, n) => ({ stage: `${n}`.padStart(63, "s"), ...row }));
    const source = { start: 7, processed: 1, lost: 0, holes: 0, control: 0 };
    const ledger: LedgerCounts = { source, stages };
    await assert.rejects(log.append({ ...frameOf(8, {}), ledger }), {
      code: "LIMIT_EXCEEDED",
      message: /"statusBytes" is 524288.*fewer stages/,
    });
    await log.append(frameOf(8, {}));
  });

  it("whose segment was removed is fenced, also when a creation that was given up makes it anew", async () => {
    const { blobs, log } = await ownedLog();
    const [segment] = (await blobs.list("")).filter(({ name }) => name.includes("/log/"));
    await blobs.remove(segment?.name as string);
    await blobs.createAppend(segment?.name as string);
    await assert.rejects(log.append(frameOf(8, {})), { code: "FENCED", message: /deleted/ });
  });

  it("gives way while it writes a large frame, and while it recovers a long log", async () => {
    const { log, slept, store } = await ownedLog({ sliceItems: 50, segmentAppends: 1_000 });
    const entries = Array.from({ length: 2_000 }, (_, n) => [`key-${n}`, n]).flat();
    slept.times = 0;
    await log.append(frameOf(8, {}, { changes: [{ store: "a", bucket: 0, entries }] }));
    assert.ok(slept.times > 10, `${slept.times}`);
    for (let position = 9; position < 200; position++) await log.append(frameOf(position, { ORD: position }));
    slept.times = 0;
    await store.open(TASK, SHAPE, start);
    assert.ok(slept.times > 10, `${slept.times}`);
  });
});

describe("a log whose first segment is removed under the hands of whoever begins it", () => {
  it("is begun with another one", async () => {
    const blobs = memoryBlobs();
    let removed = 0;
    const hook: BlobHook = async ({ call, blob }, proceed) => {
      if (call === "append" && blob.includes("/log/") && removed++ === 0) await blobs.remove(blob);
      return proceed();
    };
    const store = createCheckpointStore({ blobs: blobs.via(hook), world: seededWorld(1) });
    const log = await store.open(TASK, SHAPE, start);
    await log.append(frameOf(8, { ORD: 1 }));
    const { recovered } = await createCheckpointStore({ blobs, world: seededWorld(2) }).open(TASK, SHAPE, start);
    assert.deepEqual(plain(recovered.state), { counts: { 0: { ORD: 1 } } });
  });
});
