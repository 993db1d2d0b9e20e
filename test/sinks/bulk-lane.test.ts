import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import type { Container } from "@azure/cosmos";
import { type CosmosServer, startCosmosServer } from "../../lib/local/cosmos/index.ts";
import { BulkLane } from "../../lib/sinks/cosmos/bulk-lane.ts";
import type { Operation } from "../../lib/sinks/cosmos/operation.ts";
import { cosmosClient } from "./support.ts";

let server: CosmosServer;

before(async () => {
  server = await startCosmosServer({ port: 0 });
});
after(() => server.stop());

const creates = (name: string, count: number): Operation[] =>
  Array.from({ length: count }, (_, i) => ({ kind: "Create", key: [`${i}`], body: { id: name, origin: `${i}` } }));

/** A lane over a real container that counts what is under way. */
function countedLane(name: string, width: number) {
  server.ensureContainer("d", name, ["/origin"]);
  const container: Container = cosmosClient(server.connectionString).database("d").container(name);
  const seen = { most: 0, now: 0, sizes: [] as number[] };
  const bulk = container.items.bulk.bind(container.items);
  container.items.bulk = async (...parameters: Parameters<typeof bulk>) => {
    seen.most = Math.max(seen.most, ++seen.now);
    seen.sizes.push(parameters[0].length);
    return bulk(...parameters).finally(() => seen.now--);
  };
  return { lane: new BulkLane(container, width), seen };
}

const signal = AbortSignal.timeout(20_000);

it("packs what waits into full requests, and keeps the number in flight bounded over all callers", async () => {
  const { lane, seen } = countedLane("packed", 2);
  const callers = Array.from({ length: 12 }, (_, i) => lane.submit(creates(`caller ${i}`, 50), signal));
  const outcomes = (await Promise.all(callers)).flat();
  assert.equal(outcomes.length, 600);
  assert.ok(outcomes.every(({ kind }) => kind === "done"));
  assert.equal(seen.most, 2);
  assert.deepEqual(seen.sizes, [50, 50, 100, 100, 100, 100, 100]);
});

it("gives every operation its own outcome, in the order given", async () => {
  const { lane } = countedLane("mixed", 2);
  await lane.submit(creates("a", 2), signal);
  const [again, fresh, read, lost] = await lane.submit(
    [
      { kind: "Create", key: ["0"], body: { id: "a", origin: "0" } },
      { kind: "Create", key: ["9"], body: { id: "a", origin: "9" } },
      { kind: "Read", key: ["1"], id: "a" },
      { kind: "Read", key: ["1"], id: "nowhere" },
    ],
    signal,
  );
  assert.deepEqual([again?.kind, fresh?.kind, read?.kind, lost?.kind], ["exists", "done", "done", "missing"]);
  assert.equal(read?.kind === "done" && (read.document as { origin: string }).origin, "1");
});

it("does not send what was given up while it waited", async () => {
  const { lane, seen } = countedLane("abandoned", 1);
  const first = lane.submit(creates("first", 100), signal);
  const controller = new AbortController();
  const second = lane.submit(creates("second", 100), controller.signal);
  const third = lane.submit(creates("third", 10), signal);
  controller.abort(new Error("enough"));
  await assert.rejects(second, /enough/);
  await Promise.all([first, third]);
  assert.deepEqual(seen.sizes, [100, 10]);
});
