import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createCheckpointStore } from "../../lib/checkpoint/index.ts";
import { type BlobHook, memoryBlobs } from "../../lib/testing/memory-blobs.ts";
import { frameOf, namesOf, SHAPE, seededWorld, settle, start, TASK } from "./support.ts";

describe("a look at a log", () => {
  it("finds its last frame, also when that is larger than what is read at first", async () => {
    const blobs = memoryBlobs();
    const store = createCheckpointStore({ blobs, world: seededWorld(1) });
    const log = await store.open(TASK, SHAPE, start);
    // Chance does not compress.
    const random = seededWorld(9).random;
    const entries = Array.from({ length: 30_000 }, (_, n) => [`key-${n}`, random()]).flat();
    await log.append(frameOf(8, {}, { changes: [{ store: "a", bucket: 0, entries }] }));
    const [segment] = await blobs.list("checkpoints/delays/0/log/");
    assert.ok((segment?.size ?? 0) > 200_000, `${segment?.size}`);
    assert.equal((await store.peek(TASK))?.position, 8);
  });

  it("never takes a damaged frame for the last one, whichever byte is wrong, and says where", async () => {
    const blobs = memoryBlobs();
    const store = createCheckpointStore({ blobs, world: seededWorld(1) });
    const log = await store.open(TASK, SHAPE, start);
    await log.append(frameOf(8, { ORD: 1 }));
    const [name = ""] = await namesOf(blobs, "log");
    const from = (await blobs.size(name)) as number;
    await log.append(frameOf(9, { ORD: 2 }));
    const contents = blobs.contents(name) as Buffer;
    for (let at = from; at < contents.length; at++) {
      for (const bit of [0x01, 0x80]) {
        contents.writeUInt8(contents.readUInt8(at) ^ bit, at);
        await assert.rejects(store.peek(TASK), { code: "LOG_DAMAGED", message: new RegExp(name) }, `byte ${at}`);
        contents.writeUInt8(contents.readUInt8(at) ^ bit, at);
      }
    }
    assert.equal((await store.peek(TASK))?.position, 9);
  });

  it("looks again when its owner has tidied up what it was about to read", async () => {
    const blobs = memoryBlobs();
    const limits = { segmentAppends: 4 };
    const owner = await createCheckpointStore({ blobs, world: seededWorld(1), limits }).open(TASK, SHAPE, start);
    for (let position = 8; position < 20; position++) {
      await owner.append(frameOf(position, { ORD: position }));
      await settle();
    }
    let lists = 0;
    const hook: BlobHook = async ({ call }, proceed) => {
      const answer = proceed();
      if (call !== "list" || ++lists > 1) return answer;
      for (let position = 20; position < 40; position++) {
        await owner.append(frameOf(position, { ORD: position }));
        await settle();
      }
      return answer;
    };
    const store = createCheckpointStore({ blobs: blobs.via(hook), world: seededWorld(2), limits });
    assert.equal((await store.peek(TASK))?.position, 39);
    assert.ok(lists > 1);
  });
});
