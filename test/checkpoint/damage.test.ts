import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createCheckpointStore, type PlanShape } from "../../lib/checkpoint/index.ts";
import { type MemoryBlobs, memoryBlobs } from "../../lib/testing/memory-blobs.ts";
import { frameOf, plain, SHAPE, seededWorld, start, TASK } from "./support.ts";

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
    await assert.rejects(store.open(TASK, SHAPE, start), { code: "LOG_MISSING", message: new RegExp(name) });
    await assert.rejects(store.peek(TASK), { code: "LOG_MISSING" });
  });

  it("is not new when its marker is gone", async () => {
    const { blobs } = await writtenLog();
    for (const { name } of await blobs.list("")) if (name.includes("/generation/")) await blobs.remove(name);
    await assert.rejects(storeOf(blobs, 2).open(TASK, SHAPE, start), { code: "LOG_MISSING", message: /generation/ });
  });
});

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
    const { blobs, name } = await writtenLog();
    (blobs.contents(name) as Buffer).writeUInt8(0, 60);
    const store = storeOf(blobs, 2);
    await assert.rejects(store.open(TASK, SHAPE, start), { code: "LOG_DAMAGED" });
    await store.reset(TASK);
    assert.equal((await store.open(TASK, SHAPE, start)).recovered.position, 7);

    const lost = await writtenLog();
    await lost.blobs.remove(lost.name);
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
});

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
