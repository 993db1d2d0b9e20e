import assert from "node:assert/strict";
import { test } from "node:test";
import { createCheckpointStore } from "../../../lib/checkpoint/index.ts";
import { flightFor } from "../../../lib/cli/torture/extra-flights.ts";
import { owedDocuments } from "../../../lib/cli/torture/owed-documents.ts";
import { memoryBlobs } from "../../../lib/testing/memory-blobs.ts";
import { frameOf, SHAPE, seededWorld, start, TASK } from "../../checkpoint/support.ts";

function frame(position: number, ...ids: string[]) {
  const messages = ids.map((id) => ({ id, origin: "ORD", position }));
  return { ...frameOf(position, {}), outbox: [{ sink: "documents", messages }] };
}

test("what a task owes is read from its log: the newest version of each document in the frames that are not delivered", async () => {
  const blobs = memoryBlobs();
  const log = await createCheckpointStore({ blobs, world: seededWorld() }).open(TASK, SHAPE, start);
  const { sequence: confirmed } = await log.append(frame(8, "delivered"));
  await log.append(frame(9, "a", "b"));
  const { sequence, generation } = await log.append(frame(10, "b", "c"));
  await log.append(frame(11, "newer"));
  const owed = await owedDocuments(blobs, "delays/0", { generation, confirmed, sequence });
  assert.deepEqual(
    owed.map((document) => [document.id, (document as unknown as { position: number }).position]),
    [
      ["a", 9],
      ["b", 10],
      ["c", 10],
    ],
  );
});

test("a flight for a document is one that its window counts: for an hour of an airport it goes nowhere else", () => {
  const [hour, day] = ["2001-01-01T05:00:00.000Z", "2001-01-02T00:00:00.000Z"];
  const short = flightFor({ id: "x", origin: "ORD", windowEnd: hour }, "extra-1");
  assert.deepEqual([short?.origin, short?.scheduled, short?.id], ["ORD", "2001-01-01T04:59:00.000Z", "extra-1"]);
  assert.ok(short !== undefined && short.distance < 100);
  const far = flightFor({ id: "x", route: "ORD-LAX", windowEnd: day }, "extra-2");
  assert.deepEqual([far?.origin, far?.destination, far?.scheduled], ["ORD", "LAX", "2001-01-01T23:59:00.000Z"]);
  assert.ok(far !== undefined && far.distance >= 100);
  assert.equal(flightFor({ id: "x" }, "extra-3"), undefined);
});
