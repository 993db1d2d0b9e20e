import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deflateRawSync } from "node:zlib";
import { pack, unpackAlone } from "../../lib/checkpoint/codec.ts";
import { decodeFrame, encodeFrame, type RawFrame } from "../../lib/checkpoint/frame-format.ts";
import { createCheckpointStore } from "../../lib/checkpoint/index.ts";
import { unpackStatus } from "../../lib/checkpoint/status.ts";
import { memoryBlobs } from "../../lib/testing/memory-blobs.ts";
import { frameOf, plain, SHAPE, seededWorld, start, TASK } from "./support.ts";

/** A part as it was written before there were columns: keys and values in turn, deflated. */
function oldPart(type: number, value: unknown): Buffer {
  const deflated = deflateRawSync(pack(value), { level: 1 });
  const head = Buffer.alloc(5);
  head.writeUInt8(type, 0);
  head.writeUInt32LE(deflated.length, 1);
  return Buffer.concat([head, deflated]);
}

/** A log whose only data frame has the body that is given instead of its own, and the names of fields in its status. */
async function logWith(body: Buffer) {
  const blobs = memoryBlobs();
  const world = seededWorld(1);
  const log = await createCheckpointStore({ blobs, world }).open(TASK, SHAPE, start);
  const [segment] = (await blobs.list("")).filter(({ name }) => name.includes("/log/"));
  const { name, size: from } = segment as { name: string; size: number };
  await log.append(frameOf(8, { ORD: 1 }, { outbox: [{ sink: "s", messages: ["m"] }] }));
  const written = blobs.contents(name) as Buffer;
  const frame = decodeFrame(written, from, name, 0) as RawFrame;
  const head = decodeFrame(written, 0, name, 0) as RawFrame;
  const fence = decodeFrame(written, head.end, name, 0) as RawFrame;
  const rewritten = Buffer.concat([
    encodeFrame({ ...head, status: pack(unpackAlone(head.status)) }),
    encodeFrame({ ...fence, status: pack(unpackStatus(fence.status)) }),
    encodeFrame({ ...frame, status: pack(unpackStatus(frame.status)), body }),
  ]);
  await blobs.remove(name);
  await blobs.createAppend(name);
  await blobs.append(name, 0, rewritten);
  return createCheckpointStore({ blobs, world: seededWorld(2) });
}

describe("a log of an earlier form", () => {
  it("is read and written on", async () => {
    const state = oldPart(0, [
      [
        ["counts", 0, ["ORD", 5, "LAX", undefined, "DEN", { late: 2 }]],
        ["gone", 3, ["k", 1]],
      ],
      [["gone", 3]],
    ]);
    const outbox = oldPart(1, [[0, "s", ["first", "second"]]]);
    const store = await logWith(Buffer.concat([state, outbox]));
    const log = await store.open(TASK, SHAPE, start);
    assert.deepEqual(plain(log.recovered.state), { counts: { 0: { ORD: 5, DEN: { late: 2 } } } });
    assert.deepEqual(
      log.recovered.pending.map((one) => one.outbox),
      [[{ sink: "s", messages: ["first", "second"] }]],
    );
    assert.equal(log.recovered.position, 8);
    await log.append(frameOf(9, { LAX: 7 }));
    await log.close();
    const again = await store.open(TASK, SHAPE, start);
    assert.deepEqual(plain(again.recovered.state), { counts: { 0: { ORD: 5, DEN: { late: 2 }, LAX: 7 } } });
  });

  it("is refused when its form is not known", async () => {
    const store = await logWith(oldPart(9, [[], []]));
    await assert.rejects(store.open(TASK, SHAPE, start), /is not one/);
  });
});
