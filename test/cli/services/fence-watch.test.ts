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
  const watch = new FenceWatch((one) => void news.push(one));
  server = await startCosmosServer({ port: 0, onWrite: watch.wrote, onRefusal: watch.refused });
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

test("a document that a newer frame overwrites is told with both frames", async () => {
  news = [];
  for (const s of [20, 20, 22]) await write("f", s);
  await write("f", 5, { g: 2 });
  const overtaken = news.flatMap((one) => (one.kind === "overtaken" ? [[one.document, one.fence.s, one.by.s]] : []));
  assert.deepEqual(overtaken, [
    ["delays: f", 20, 22],
    ["delays: f", 22, 5],
  ]);
});

test("a write that the database refuses is told when it is stale, alone and in a bulk", async () => {
  await write("g", 30);
  await write("h", 30, { task: "delays/1" });
  news = [];
  const body = (s: number, id = "g") => ({ id, origin: "ORD", _tm: { task: "delays/0", g: 1, s, n: `of ${s}` } });
  const ifMatch = { accessCondition: { type: "IfMatch", condition: '"of another version"' } };
  const status = (error: { code: number }) => error.code;
  assert.equal(await container.items.create(body(28)).catch(status), 409);
  assert.equal(await container.item("g", "ORD").replace(body(29), ifMatch).catch(status), 412);
  const answers = await container.items.bulk([
    { operationType: "Create", partitionKey: "ORD", resourceBody: body(27) },
    { operationType: "Replace", partitionKey: "ORD", id: "g", ifMatch: '"of another"', resourceBody: body(26) },
    // None of these is stale: the very frame, a newer one, and one of another task.
    { operationType: "Create", partitionKey: "ORD", resourceBody: body(30) },
    { operationType: "Create", partitionKey: "ORD", resourceBody: body(31) },
    { operationType: "Create", partitionKey: "ORD", resourceBody: body(25, "h") },
  ]);
  assert.deepEqual(
    answers.map(({ statusCode }) => statusCode),
    [409, 412, 409, 409, 409],
  );
  const told = news.map((one) => (one.kind === "refused" ? [one.document, one.fence.task, one.fence.s] : [one.kind]));
  assert.deepEqual(
    told,
    [28, 29, 27, 26].map((s) => ["delays: g", "delays/0", s]),
  );
});
