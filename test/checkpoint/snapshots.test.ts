import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CheckpointLimits, type CheckpointLog, createCheckpointStore } from "../../lib/checkpoint/index.ts";
import { TidemarkError } from "../../lib/errors.ts";
import { type BlobHook, type MemoryBlobs, memoryBlobs } from "../../lib/testing/memory-blobs.ts";
import { frameOf, namesOf, plain, SHAPE, seededWorld, settle, start, TASK } from "./support.ts";

const SMALL: Partial<CheckpointLimits> = { segmentAppends: 4, sliceItems: 3 };

function storeOf(blobs: MemoryBlobs, seed: number, limits = SMALL, hook?: BlobHook) {
  return createCheckpointStore({ blobs: hook ? blobs.via(hook) : blobs, world: seededWorld(seed), limits });
}

/** Commits positions `from` to `to`, both included; what happens beside the log comes to its end each time. */
async function commit(log: CheckpointLog, from: number, to: number): Promise<void> {
  for (let position = from; position <= to; position++) {
    await log.append(frameOf(position, { [`k${position % 7}`]: position, last: position }));
    await settle();
  }
}

/** Refuses every snapshot, as storage does that a role does not reach. */
const withoutSnapshots: BlobHook = async ({ call, blob }, proceed) => {
  if (call === "createAppend" && blob.includes("/snapshot/")) throw new TidemarkError("UNAVAILABLE", "not allowed");
  return proceed();
};

const lastOf = async (blobs: MemoryBlobs, seed: number) =>
  plain((await storeOf(blobs, seed).open(TASK, SHAPE, start)).recovered.state).counts?.[0]?.last;

describe("a snapshot", () => {
  it("that cannot be written holds up no commit, and the next owner makes up for it at once", async () => {
    const blobs = memoryBlobs();
    const log = await storeOf(blobs, 1, SMALL, withoutSnapshots).open(TASK, SHAPE, start);
    await commit(log, 8, 40);
    assert.ok((await namesOf(blobs, "log")).length > 4);
    const next = await storeOf(blobs, 2).open(TASK, SHAPE, start);
    await settle();
    // Its first frame refers to what it made of the segments that it found.
    await commit(next, 41, 41);
    assert.ok((await namesOf(blobs, "log")).length <= 2);
    assert.equal(await lastOf(blobs, 3), 41);
  });

  it("that another owner made while this one took over is what this one goes on from", async () => {
    const blobs = memoryBlobs();
    const owner = await storeOf(blobs, 1).open(TASK, SHAPE, start);
    let position = 7;
    while ((await namesOf(blobs, "snapshot")).length === 0) await commit(owner, ++position, position);
    // No frame refers to it yet: whoever opens the log now reads all segments.
    const hook: BlobHook = async ({ call, blob }, proceed) => {
      if (call === "append" && blob.includes("/log/") && position < 20) {
        // The reference comes before the fence, and what it covers is removed.
        await commit(owner, position + 1, position + 1);
        position = 20;
      }
      return proceed();
    };
    const log = await storeOf(blobs, 2, SMALL, hook).open(TASK, SHAPE, start);
    const held = log.recovered.position;
    await commit(log, held + 1, held + 30);
    assert.ok((await namesOf(blobs, "log")).length <= 3, "its own snapshots cover what it found");
    assert.equal(await lastOf(blobs, 3), held + 30);
  });

  it("is not made of a damaged frame: its owner stops and names the place", async () => {
    const blobs = memoryBlobs();
    let spoil = false;
    const hook: BlobHook = async ({ call, blob }, proceed) => {
      if (spoil && call === "read" && blob.includes("/log/")) {
        spoil = false;
        const contents = blobs.contents(blob) as Buffer;
        contents.writeUInt8(contents.readUInt8(contents.length - 70) ^ 1, contents.length - 70);
      }
      return proceed();
    };
    const log = await storeOf(blobs, 1, SMALL, hook).open(TASK, SHAPE, start);
    spoil = true;
    const failure = await commit(log, 8, 30).then(
      () => assert.fail("the damage was not told"),
      (thrown: TidemarkError) => thrown,
    );
    assert.equal(failure.code, "LOG_DAMAGED");
    assert.match(
      failure.message,
      /in blob "checkpoints\/delays\/0\/log\/0000000001\/0000000001-[0-9a-f]+" at byte \d+/,
    );
    await assert.rejects(log.append(frameOf(99, {})), { code: "FENCED" });
    await assert.rejects(storeOf(blobs, 2).open(TASK, SHAPE, start), { code: "LOG_DAMAGED" });
  });

  it("keeps nothing of keys that were deleted", async () => {
    const blobs = memoryBlobs();
    const log = await storeOf(blobs, 1).open(TASK, SHAPE, start);
    for (let round = 0; round < 5; round++) {
      const keys = Array.from({ length: 300 }, (_, n) => `round-${round}-key-${n}`);
      for (const value of [1, undefined]) {
        const entries = keys.flatMap((key) => [key, value]);
        await log.append(frameOf(8 + round, {}, { changes: [{ store: "a", bucket: 0, entries }] }));
        await settle();
      }
    }
    await commit(log, 20, 40);
    const sizes = (await blobs.list("")).filter(({ name }) => name.includes("/snapshot/")).map(({ size }) => size);
    assert.ok(sizes.length > 0 && Math.max(...sizes) < 2_000, `${sizes}`);
  });

  it("of a large state is not made anew for every few frames", async () => {
    const limits = { segmentAppends: 10_000, tailBytes: 4_000, sliceItems: 1_000 };
    const entries = Array.from({ length: 4_000 }, (_, n) => [`key-${n}`, Math.imul(n, 2_654_435_761)]).flat();
    /** How many snapshots the first owner makes of 144 frames, and how many the second. */
    const made = async (large: boolean): Promise<number[]> => {
      const blobs = memoryBlobs();
      let snapshots = 0;
      const hook: BlobHook = async ({ call, blob }, proceed) => {
        if (call === "createAppend" && blob.includes("/snapshot/")) snapshots++;
        return proceed();
      };
      const counted = async (log: CheckpointLog, from: number): Promise<number> => {
        await settle();
        snapshots = 0;
        await commit(log, from, from + 143);
        return snapshots;
      };
      const first = await storeOf(blobs, 1, limits, hook).open(TASK, SHAPE, start);
      await first.append(frameOf(8, {}, { changes: [{ store: "a", bucket: 0, entries: large ? entries : [] }] }));
      // The frame itself is larger than a segment should be: it is covered by a snapshot before anything is counted.
      await commit(first, 9, 16);
      const counts = [await counted(first, 17)];
      await first.close();
      counts.push(await counted(await storeOf(blobs, 2, limits, hook).open(TASK, SHAPE, start), 161));
      assert.equal(await lastOf(blobs, 3), 304);
      return counts;
    };
    const [few, many] = [await made(true), await made(false)];
    for (const [owner, count] of few.entries()) {
      assert.ok(count * 2 <= (many[owner] as number), `${few} of a large state, ${many} of a small one`);
    }
  });
});

describe("tidying up", () => {
  it("takes what older generations left, and never what a newer one needs, however late it comes", async () => {
    const blobs = memoryBlobs();
    let wake: (() => void) | undefined;
    let isAsleep = false;
    const hook: BlobHook = async ({ call }, proceed) => {
      // The second listing of a process is that of its first tidying up.
      if (call === "list" && (await namesOf(blobs, "snapshot")).length > 0 && !isAsleep) {
        isAsleep = true;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return proceed();
    };
    const old = await storeOf(blobs, 1, SMALL, hook).open(TASK, SHAPE, start);
    await commit(old, 8, 20);
    assert.ok(wake, "it fell asleep");
    const store = storeOf(blobs, 2);
    await store.reset(TASK);
    const fresh = await store.open(TASK, SHAPE, start);
    await fresh.append(frameOf(8, { last: "anew" }));
    wake();
    await settle();
    assert.equal(await lastOf(blobs, 3), "anew");
    const last = await storeOf(blobs, 4).open(TASK, SHAPE, start);
    await commit(last, 9, 30);
    const generations = new Set((await namesOf(blobs, "log")).map((name) => name.split("/")[4]));
    assert.deepEqual([...generations], ["0000000003"], "the first generation's segments are gone");
  });
});

describe("a segment", () => {
  for (const [what, limits] of [
    ["bytes", { segmentAppends: 1_000, segmentBytes: 2_000 }],
    ["bytes beside the newest snapshot", { segmentAppends: 1_000, tailBytes: 2_000 }],
    ["appends", { segmentAppends: 10 }],
  ] as const) {
    it(`is closed after so many ${what}`, async () => {
      const blobs = memoryBlobs();
      const log = await storeOf(blobs, 1, limits, withoutSnapshots).open(TASK, SHAPE, start);
      await commit(log, 8, 60);
      assert.ok((await namesOf(blobs, "log")).length > 2);
    });
  }

  it("waits for the next one only when it is about to be full", async () => {
    const blobs = memoryBlobs();
    let refusals = 0;
    const hook: BlobHook = async ({ call, blob }, proceed) => {
      const segments = await namesOf(blobs, "log");
      if (call === "createAppend" && blob.includes("/log/") && segments.length > 0) {
        refusals++;
        throw new TidemarkError("UNAVAILABLE", "not now");
      }
      return proceed();
    };
    const log = await storeOf(blobs, 1, { segmentAppends: 4 }, hook).open(TASK, SHAPE, start);
    // A fence and 35 frames.
    await commit(log, 8, 42);
    assert.ok(refusals > 10);
    await assert.rejects(log.append(frameOf(43, {})), { message: /not now/ });
    assert.equal(await lastOf(blobs, 2), 42);
  });
});
