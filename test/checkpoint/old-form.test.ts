import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deflateRawSync, zstdCompressSync } from "node:zlib";
import { pack, unpackAlone } from "../../lib/checkpoint/codec.ts";
import { decodeFrame, encodeFrame, type RawFrame } from "../../lib/checkpoint/frame-format.ts";
import { createCheckpointStore } from "../../lib/checkpoint/index.ts";
import { unpackStatus } from "../../lib/checkpoint/status.ts";
import { memoryBlobs } from "../../lib/testing/memory-blobs.ts";
import earlier from "./earlier-log.json" with { type: "json" };
import { frameOf, plain, SHAPE, seededWorld, start, TASK } from "./support.ts";

type Compress = (bytes: Uint8Array) => Uint8Array;

const deflate: Compress = (bytes) => deflateRawSync(bytes, { level: 1 });
const zstd: Compress = (bytes) => zstdCompressSync(bytes);
const none: Compress = (bytes) => bytes;

function part(type: number, contents: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(type, 0);
  head.writeUInt32LE(contents.length, 1);
  return Buffer.concat([head, contents]);
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

/** Keys and values in turn, as they were first written, and apart. */
const PAIRS = [
  [
    ["counts", 0, ["ORD", 5, "LAX", undefined, "DEN", { late: 2 }]],
    ["gone", 3, ["k", 1]],
  ],
  [["gone", 3]],
];
const APART = [
  [
    ["counts", 0, ["ORD", "LAX", "DEN"], [5, undefined, { late: 2 }]],
    ["gone", 3, ["k"], [1]],
  ],
  [["gone", 3]],
];

describe("a log of an earlier form", () => {
  for (const [name, type, changes, compress] of [
    ["keys and values in turn, deflated", 0, PAIRS, deflate],
    ["keys and values apart, compressed", 2, APART, zstd],
    ["small parts that are not compressed", 4, APART, none],
  ] as const) {
    it(`is read and written on: ${name}`, async () => {
      const state = part(type, compress(pack(changes)));
      const outbox = part(type + 1, compress(pack([[0, "s", ["first", "second"]]])));
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
  }

  it("is read as the version before wrote it, byte for byte", async () => {
    const blobs = memoryBlobs();
    for (const [name, bytes] of Object.entries(earlier)) {
      if (name.includes("/generation/")) await blobs.create(name, Buffer.from(bytes, "base64"));
      else await blobs.createAppend(name).then(() => blobs.append(name, 0, Buffer.from(bytes, "base64")));
    }
    const { recovered } = await createCheckpointStore({ blobs, world: seededWorld(2) }).open(TASK, SHAPE, start);
    const keys = Array.from({ length: 300 }, (_, i) => `key-${i}`);
    assert.deepEqual(plain(recovered.state), {
      counts: {
        0: { ORD: 1, ...Object.fromEntries(keys.map((key, i) => [key, { count: i, first: "a" }])) },
        5: { x: new Map([[1, 2]]) },
      },
    });
    assert.deepEqual(
      recovered.pending.map(({ stamp, outbox }) => [stamp.sequence, outbox]),
      [[3, [{ sink: "s", messages: keys.map((id, i) => ({ id, value: i / 4, last: null })) }]]],
    );
    assert.deepEqual([recovered.position, recovered.confirmed, recovered.sequence], [10, 2, 5]);
  });
});

describe("a log of a later form", () => {
  const refusal = (what: RegExp) => (thrown: { code?: string; message?: string; fix?: string; place?: unknown }) => {
    assert.equal(thrown.code, "UNSUPPORTED");
    assert.match(thrown.message ?? "", what);
    assert.match(
      thrown.message ?? "",
      /in blob "checkpoints\/delays\/0\/log\/\d+\/\d+-[0-9a-f]+" in the frame at byte \d+/,
    );
    assert.match(thrown.message ?? "", /pipeline "delays", partition 0/);
    assert.match(thrown.fix ?? "", /Deploy the version again that wrote it/);
    return true;
  };

  it("is refused when it has a part of a form that is not known", async () => {
    const store = await logWith(part(200, pack([[], []])));
    await assert.rejects(store.open(TASK, SHAPE, start), refusal(/a part of form 200/));
  });

  it("is refused when it has a column of a kind that is not known, in the state or in the outbox", async () => {
    const changes = part(6, Buffer.from([1, 0, 0, 0, 99]));
    await assert.rejects((await logWith(changes)).open(TASK, SHAPE, start), refusal(/a column of kind 99/));
    const messages = part(7, Buffer.from([1, 0, 0, 0, 99]));
    const store = await logWith(messages);
    await assert.rejects(store.open(TASK, SHAPE, start), refusal(/a column of kind 99/));
    assert.equal((await store.peek(TASK))?.sequence, 2, "no fence: its owner goes on");
  });
});
