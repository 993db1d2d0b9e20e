import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createCheckpointStore, type PlanShape } from "../../lib/checkpoint/index.ts";
import type { StoreChange } from "../../lib/engine/frame.ts";
import { type BlobHook, type MemoryBlobs, memoryBlobs } from "../../lib/testing/memory-blobs.ts";
import { frameOf, namesOf, SHAPE, seededWorld, settle, start, TASK } from "./support.ts";

const storeOf = (blobs: MemoryBlobs, seed = 1) => createCheckpointStore({ blobs, world: seededWorld(seed) });

async function writtenLog() {
  const blobs = memoryBlobs();
  const log = await storeOf(blobs).open(TASK, SHAPE, start);
  const borders: number[] = [];
  const [segment] = (await blobs.list("")).filter(({ name }) => name.includes("/log/"));
  const name = segment?.name ?? "";
  for (const position of [8, 9, 10]) {
    borders.push((await blobs.size(name)) ?? 0);
    await log.append(frameOf(position, { ORD: position }));
  }
  return { blobs, name, borders, log };
}

describe("a damaged log", () => {
  it("is never read, whichever byte is wrong, and says where", async () => {
    const { blobs, name, borders } = await writtenLog();
    const contents = blobs.contents(name) as Buffer;
    // Header, fence, and three frames: a frame's second word is its length.
    const frames = [0, contents.readUInt32LE(4), ...borders];
    for (let at = 0; at < contents.length; at++) {
      contents.writeUInt8(contents.readUInt8(at) ^ 0x10, at);
      const error = await storeOf(blobs, 2)
        .open(TASK, SHAPE, start)
        .then(
          () => assert.fail(`byte ${at} was not missed`),
          (thrown: { code?: string; message?: string }) => thrown,
        );
      assert.equal(error.code, "LOG_DAMAGED", `byte ${at}: ${error.message}`);
      const named = Number(/in blob ".*" at byte (\d+)\./.exec(error.message ?? "")?.[1]);
      assert.ok(error.message?.includes(name) && frames.includes(named), error.message);
      assert.ok(named <= at, `byte ${at} is in or behind the frame at ${named}`);
      contents.writeUInt8(contents.readUInt8(at) ^ 0x10, at);
    }
    assert.equal((await storeOf(blobs, 2).open(TASK, SHAPE, start)).recovered.position, 10);
  });

  it("notices a frame that was cut out", async () => {
    const { blobs, name, borders } = await writtenLog();
    const contents = blobs.contents(name) as Buffer;
    const [, second = 0, third = 0] = borders;
    const spliced = Buffer.concat([contents.subarray(0, second), contents.subarray(third)]);
    await blobs.remove(name);
    await blobs.createAppend(name);
    await blobs.append(name, 0, spliced);
    await assert.rejects(storeOf(blobs, 2).open(TASK, SHAPE, start), {
      code: "LOG_DAMAGED",
      message: new RegExp(`frame 4 follows frame 2, in blob "${name}" at byte ${second}\\.`),
    });
  });

  it("is not new when its segments are gone", async () => {
    const { blobs, name } = await writtenLog();
    await blobs.remove(name);
    const store = storeOf(blobs, 2);
    await assert.rejects(store.open(TASK, SHAPE, start), {
      code: "LOG_MISSING",
      message: new RegExp(`${name}.*pipeline "delays", partition 0.*checkpoints reset delays 0`),
    });
    await assert.rejects(store.peek(TASK), { code: "LOG_MISSING" });
  });

  it("is not new when its marker is gone", async () => {
    const { blobs } = await writtenLog();
    for (const { name } of await blobs.list("")) if (name.includes("/generation/")) await blobs.remove(name);
    await assert.rejects(storeOf(blobs, 2).open(TASK, SHAPE, start), { code: "LOG_MISSING", message: /generation/ });
  });
});

describe("a log of several blobs", () => {
  const SMALL = { segmentAppends: 4, inlineBytes: 2_000, sliceItems: 3 };

  /** Four segments and more; without snapshots, unless one is wanted. A frame of the newest has a blob of its own. */
  async function longLog(snapshots: boolean) {
    const blobs = memoryBlobs();
    const hook: BlobHook = async ({ call, blob }, proceed) => {
      if (!snapshots && call === "createAppend" && blob.includes("/snapshot/")) throw new Error("no snapshots");
      return proceed();
    };
    const store = createCheckpointStore({ blobs: blobs.via(hook), world: seededWorld(1), limits: SMALL });
    const log = await store.open(TASK, SHAPE, start);
    const commit = async (position: number, changes?: readonly StoreChange[]): Promise<void> => {
      await log.append(frameOf(position, { [`k${position}`]: position }, changes ? { changes } : {}));
      await settle();
    };
    for (let position = 8; position < 32; position++) await commit(position);
    const random = seededWorld(9).random;
    const entries = Array.from({ length: 600 }, (_, n) => [`key-${n}`, random()]).flat();
    await commit(32, [{ store: "a", bucket: 0, entries }]);
    return blobs;
  }

  const open = (blobs: MemoryBlobs) =>
    createCheckpointStore({ blobs, world: seededWorld(2), limits: SMALL }).open(TASK, SHAPE, start);

  async function refusal(blobs: MemoryBlobs): Promise<{ code?: string; message: string }> {
    return open(blobs).then(
      () => assert.fail("it was opened"),
      (thrown: { code?: string; message: string }) => thrown,
    );
  }

  it("is whole when it is", async () => {
    for (const snapshots of [false, true]) {
      const blobs = await longLog(snapshots);
      assert.equal((await namesOf(blobs, "log")).length > 3, !snapshots);
      assert.equal((await open(blobs)).recovered.position, 32);
    }
  });

  it("is refused when one of its segments is gone, and says which", async () => {
    const blobs = await longLog(false);
    const names = await namesOf(blobs, "log");
    for (const name of names.slice(0, -1)) {
      const contents = Buffer.from(blobs.contents(name) as Buffer);
      await blobs.remove(name);
      const { code, message } = await refusal(blobs);
      assert.equal(code, "LOG_MISSING", message);
      assert.ok(message.includes(name), message);
      await blobs.createAppend(name);
      await blobs.append(name, 0, contents);
    }
    assert.equal((await open(blobs)).recovered.position, 32);
  });

  it("is refused when a byte of a snapshot or of a large frame is wrong, or its end is gone, and says where", async () => {
    for (const kind of ["snapshot", "payload"]) {
      const blobs = await longLog(kind === "snapshot");
      const name = (await namesOf(blobs, kind)).at(-1) as string;
      const contents = Buffer.from(blobs.contents(name) as Buffer);
      const replaced = async (bytes: Buffer): Promise<void> => {
        await blobs.remove(name);
        await blobs.createAppend(name);
        if (bytes.length > 0) await blobs.append(name, 0, bytes);
        const { code, message } = await refusal(blobs);
        assert.equal(code, "LOG_DAMAGED", message);
        assert.ok(message.includes(name), message);
      };
      for (let at = 0; at < contents.length; at += 7) {
        const wrong = Buffer.from(contents);
        wrong.writeUInt8(wrong.readUInt8(at) ^ 0x10, at);
        await replaced(wrong);
      }
      // Frames begin with their length, so the last one is found from the first.
      const borders = kind === "snapshot" ? bordersOf(contents) : [contents.length >> 1];
      for (const border of [0, ...borders.slice(0, -1)]) await replaced(contents.subarray(0, border));
      const [first = 0, second = 0] = borders;
      if (second > 0) await replaced(Buffer.concat([contents.subarray(0, first), contents.subarray(second)]));
      await blobs.remove(name);
      const { code, message } = await refusal(blobs);
      assert.deepEqual([code, message.includes(name)], ["LOG_MISSING", true], message);
    }
  });

  it("is refused when an older snapshot lies in the place of the newest", async () => {
    const older: Buffer[] = [];
    const hook: BlobHook = async ({ call, blob }, proceed) => {
      if (call === "remove" && blob.includes("/snapshot/")) older.push(Buffer.from(blobs.contents(blob) as Buffer));
      return proceed();
    };
    const blobs = memoryBlobs();
    const store = createCheckpointStore({ blobs: blobs.via(hook), world: seededWorld(1), limits: SMALL });
    const log = await store.open(TASK, SHAPE, start);
    for (let position = 8; position < 40; position++) {
      await log.append(frameOf(position, { [`k${position % 3}`]: position }));
      await settle();
    }
    await log.close();
    const [newest = ""] = await namesOf(blobs, "snapshot");
    await blobs.remove(newest);
    await blobs.createAppend(newest);
    await blobs.append(newest, 0, older.at(-1) as Buffer);
    const { code, message } = await refusal(blobs);
    assert.equal(code, "LOG_DAMAGED");
    assert.match(message, /the snapshot is not the one that the log refers to/);
  });

  it("is refused when a blob of another task or of another generation lies in its place", async () => {
    const blobs = await longLog(false);
    const other = { pipeline: "delays", partition: "1" };
    const store = createCheckpointStore({ blobs, world: seededWorld(3), limits: SMALL });
    const log = await store.open(other, SHAPE, start);
    await log.append(frameOf(8, { ORD: 1 }));
    const [stranger = ""] = (await namesOf(blobs, "log")).filter((name) => name.includes("/1/log/"));
    const [first = ""] = await namesOf(blobs, "log");
    const bytes = Buffer.from(blobs.contents(stranger) as Buffer);
    const put = async (contents: Buffer): Promise<string> => {
      await blobs.remove(first);
      await blobs.createAppend(first);
      await blobs.append(first, 0, contents);
      const { code, message } = await refusal(blobs);
      assert.equal(code, "LOG_DAMAGED");
      return message;
    };
    const own = Buffer.from(blobs.contents(first) as Buffer);
    assert.match(await put(bytes), /a segment of delays\/1, in blob ".*" at byte 0/);
    const header = own.subarray(0, own.readUInt32LE(4));
    assert.match(
      await put(Buffer.concat([header, own])),
      new RegExp(`a second header, in blob ".*" at byte ${header.length}`),
    );
    await store.reset(other);
    const next = await store.open(other, SHAPE, start);
    assert.equal(next.recovered.generation, 3);
    const [newer = ""] = (await namesOf(blobs, "log")).filter((name) => name.includes("/1/log/0000000003/"));
    assert.match(await put(Buffer.from(blobs.contents(newer) as Buffer)), /a frame of generation 3 in generation 1/);
  });
});

/** Where the frames of a blob end. */
function bordersOf(contents: Buffer): number[] {
  const borders: number[] = [];
  for (let at = 0; at < contents.length; ) {
    at += contents.readUInt32LE(at + 4);
    borders.push(at);
  }
  return borders;
}

describe("a plan that changed", () => {
  const [unique, stats] = SHAPE.stages as [PlanShape["stages"][0], PlanShape["stages"][0]];
  const cases: [string, PlanShape["stages"], RegExp][] = [
    ["a stage was added", [unique, stats, { ...stats, stage: "more" }], /stage "more" \(window\) was added/],
    ["a stage was removed", [stats], /stage "unique" was removed or renamed/],
    [
      "a stage changed its kind",
      [{ ...unique, kind: "window" }, stats],
      /"unique" was of kind dedupe and is window now/,
    ],
    ["stages changed places", [stats, unique], /stage "unique" was moved/],
    [
      "a parameter changed",
      [unique, { ...stats, parameters: { size: 60_000, aggregates: { flights: "count" } } }],
      /stage "stats" changed: size was 3600000 and is 60000 now/,
    ],
    [
      "an aggregate was added",
      [unique, { ...stats, parameters: { size: 3_600_000, aggregates: { flights: "count", p95: "quantile" } } }],
      /stage "stats" changed: aggregates.p95 was absent and is "quantile" now/,
    ],
  ];
  for (const [what, stages, message] of cases) {
    it(`is refused when ${what}, before anything is written`, async () => {
      const { blobs, log } = await writtenLog();
      const before = (await blobs.list("")).map(({ size }) => size);
      await assert.rejects(storeOf(blobs, 2).open(TASK, { ...SHAPE, stages }, start), {
        code: "PLAN_CHANGED",
        message,
      });
      assert.deepEqual(
        (await blobs.list("")).map(({ size }) => size),
        before,
      );
      await log.append(frameOf(11, {}));
    });
  }

  it("is another pipeline's", async () => {
    const { blobs } = await writtenLog();
    const open = storeOf(blobs, 2).open(TASK, { ...SHAPE, pipeline: "other" }, start);
    await assert.rejects(open, { code: "PLAN_CHANGED", message: /the log belongs to pipeline "delays"/ });
  });

  it("fits when nothing that state depends on changed", async () => {
    const { blobs } = await writtenLog();
    const same = {
      ...SHAPE,
      stages: [
        unique,
        { ...stats, parameters: { aggregates: { flights: "count" }, size: 3_600_000, grace: undefined } },
      ],
    };
    assert.equal((await storeOf(blobs, 2).open(TASK, same, start)).recovered.position, 10);
  });
});
