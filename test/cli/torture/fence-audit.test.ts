import assert from "node:assert/strict";
import { test } from "node:test";
import { createCheckpointStore } from "../../../lib/checkpoint/index.ts";
import { FenceAudit } from "../../../lib/cli/torture/fence-audit.ts";
import type { FrameStamp } from "../../../lib/engine/frame.ts";
import { fenceOf } from "../../../lib/sinks/cosmos/fence.ts";
import { memoryBlobs } from "../../../lib/testing/memory-blobs.ts";
import { frameOf, SHAPE, seededWorld, start, TASK } from "../../checkpoint/support.ts";

const DEAF = { onBreach: () => {}, onRefused: () => {}, onOvertaken: () => {} };

function heard(stamps: readonly FrameStamp[]): FenceAudit {
  const audit = new FenceAudit(DEAF);
  for (const stamp of stamps) audit.heard({ kind: "frame", fence: fenceOf(stamp) });
  return audit;
}

test("a frame that wrote documents must be in its log: by number and nonce", async () => {
  const blobs = memoryBlobs();
  const log = await createCheckpointStore({ blobs, world: seededWorld() }).open(TASK, SHAPE, start);
  const first = await log.append(frameOf(8, {}));
  const second = await log.append(frameOf(9, {}));
  const fine = heard([first, second]);
  assert.deepEqual([await fine.compareWithLogs(blobs), fine.breaches], [2, 0]);

  const rebuilt = heard([first, { ...second, nonce: "0".repeat(32) }]);
  await rebuilt.compareWithLogs(blobs);
  assert.deepEqual(rebuilt.first, ["frame 1-3 of delays/0 wrote documents and was never committed"]);
  const early = heard([{ ...second, sequence: 4 }]);
  await early.compareWithLogs(blobs);
  assert.equal(early.breaches, 1);
});

test("frames that were tidied up are no breach, however many there were", async () => {
  const blobs = memoryBlobs();
  const limits = { segmentAppends: 3, slicePause: 0 };
  const log = await createCheckpointStore({ blobs, world: seededWorld(), limits }).open(TASK, SHAPE, start);
  const stamps: FrameStamp[] = [];
  for (let position = 8; position < 40; position++) {
    stamps.push(await log.append(frameOf(position, { ORD: position }, { confirmed: stamps.at(-1)?.sequence ?? 0 })));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const audit = heard(stamps);
  assert.equal(await audit.compareWithLogs(blobs), 32);
  assert.deepEqual(audit.first, []);
  const names = (await blobs.list("")).filter(({ name }) => name.includes("/log/"));
  assert.ok(names.length < 10, "older segments have gone");
});

test("breaches are counted all, and told up to ten", () => {
  const told: string[] = [];
  const audit = new FenceAudit({ ...DEAF, onBreach: (text) => void told.push(text) });
  for (let number = 0; number < 30; number++) audit.heard({ kind: "breach", text: `breach ${number}` });
  assert.deepEqual([audit.breaches, audit.first.length, told.length], [30, 10, 10]);
});

test("stale writes that were refused are counted all, and told once for each frame", () => {
  const told: string[] = [];
  const audit = new FenceAudit({ ...DEAF, onRefused: (text) => void told.push(text) });
  const refused = (s: number, task: string) => {
    audit.heard({ kind: "refused", document: "delays: x", fence: { task, g: 1, s, n: "n" } });
  };
  for (const s of [5, 5, 5, 7]) refused(s, "delays/0");
  refused(5, "delays/1");
  assert.deepEqual(
    [audit.refused, audit.refusedOf("delays/0"), audit.refusedOf("delays/1"), audit.refusedOf("delays/2")],
    [5, 4, 1, 0],
  );
  assert.deepEqual([audit.breaches, told.length], [0, 3]);
  assert.equal(told[0], "frame 1-5 of delays/0 is stale and was refused in delays: x");
});
