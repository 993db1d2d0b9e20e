import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Container, CosmosClient } from "@azure/cosmos";
import { type FenceNews, FenceWatch } from "../../../lib/cli/services/fence-watch.ts";
import { type CosmosServer, startCosmosServer } from "../../../lib/local/cosmos/index.ts";

let server: CosmosServer;
let client: CosmosClient;
let container: Container;
let news: FenceNews[] = [];

before(async () => {
  server = await startCosmosServer({ port: 0, onWrite: new FenceWatch((one) => void news.push(one)).wrote });
  server.ensureContainer("analytics", "delays", ["/origin"]);
  client = new CosmosClient(server.connectionString);
  container = client.database("analytics").container("delays");
});
after(async () => {
  client.dispose();
  await server.stop();
});

async function write(id: string, s: number, { task = "delays/0", n = `of ${s}`, g = 1 } = {}): Promise<void> {
  await container.items.upsert({ id, origin: "ORD", _tm: { task, g, s, n } });
}

async function breaches(work: () => Promise<void>): Promise<string[]> {
  news = [];
  await work();
  return news.flatMap((one) => (one.kind === "breach" ? [one.text] : []));
}

test("a write over a newer one is told, also when a newer one still covers it", async () => {
  const told = await breaches(async () => {
    for (const s of [1, 3, 2, 4]) await write("a", s);
  });
  assert.deepEqual(told, ['delays: frame 1-2 of delays/0 overwrote the newer 1-3 in document "a"']);
});

test("an older generation is older, whatever its sequence", async () => {
  const told = await breaches(async () => {
    await write("b", 5, { g: 2 });
    await write("b", 9);
  });
  assert.deepEqual(told, ['delays: frame 1-9 of delays/0 overwrote the newer 2-5 in document "b"']);
});

test("so are two frames of one number, and a task that writes over another's document", async () => {
  const told = await breaches(async () => {
    await write("c", 5);
    await write("c", 5, { n: "other" });
    await write("c", 6, { task: "delays/1" });
  });
  assert.deepEqual(told, [
    'delays: two frames 1-5 of delays/0 wrote in document "c"',
    'delays: task delays/1 overwrote task delays/0 in document "c"',
  ]);
});

test("a frame that is delivered again, and one after the other, are as they should be; each frame is told once", async () => {
  assert.deepEqual(
    await breaches(async () => {
      for (const s of [10, 10, 11]) await write("d", s);
      await write("e", 11);
    }),
    [],
  );
  const frames = news.flatMap((one) => (one.kind === "frame" ? [one.fence.s] : []));
  assert.deepEqual(frames, [10, 11]);
});
