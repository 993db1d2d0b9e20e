import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Container, OperationInput } from "@azure/cosmos";
import { type Fixture, failure, startFixture } from "./fixture.ts";

describe("batches", () => {
  let fixture: Fixture;
  let container: Container;
  before(async () => {
    fixture = await startFixture();
    container = fixture.container("batches");
  });
  after(() => fixture[Symbol.asyncDispose]());

  const upsert = (id: string, n: number): OperationInput => ({
    operationType: "Upsert",
    resourceBody: { id, pk: "p", n },
  });

  it("carry out every kind of operation together", async () => {
    await container.items.create({ id: "old", pk: "p", n: 1 });
    const answer = await container.items.batch(
      [
        { operationType: "Create", resourceBody: { id: "new", pk: "p" } },
        { operationType: "Upsert", resourceBody: { id: "up", pk: "p" } },
        { operationType: "Read", id: "old" },
        { operationType: "Replace", id: "old", resourceBody: { id: "old", pk: "p", n: 2 } },
        {
          operationType: "Patch",
          id: "old",
          resourceBody: { condition: "from c where c.n = 2", operations: [{ op: "incr", path: "/n", value: 1 }] },
        },
        { operationType: "Delete", id: "up" },
      ],
      "p",
    );
    assert.equal(answer.code, 200);
    const results = answer.result ?? [];
    assert.deepEqual(
      results.map(({ statusCode }) => statusCode),
      [201, 201, 200, 200, 200, 204],
    );
    assert.equal(results[4]?.resourceBody?.n, 3);
    assert.equal(results[4]?.eTag, results[4]?.resourceBody?._etag);
  });

  it("undo everything when one operation is refused", async () => {
    await container.items.upsert({ id: "taken", pk: "p", n: 1 });
    const { lsn: _, ...before } = (await container.item("taken", "p").read()).resource;
    const answer = await container.items.batch(
      [
        upsert("rolled-back", 1),
        upsert("taken", 2),
        { operationType: "Create", resourceBody: { id: "taken", pk: "p" } },
        upsert("never", 1),
      ],
      "p",
    );
    assert.equal(answer.code, 207);
    assert.deepEqual(
      answer.result?.map(({ statusCode }) => statusCode),
      [424, 424, 409, 424],
    );
    assert.equal((await container.item("rolled-back", "p").read()).statusCode, 404);
    assert.deepEqual((await container.item("taken", "p").read()).resource, before);
  });

  it("are undone by a failed condition and a stale entity tag", async () => {
    const { etag } = await container.items.upsert({ id: "fence", pk: "p", generation: 2 });
    const fenced = (condition: string): OperationInput => ({
      operationType: "Patch",
      id: "fence",
      resourceBody: { condition, operations: [{ op: "incr", path: "/generation", value: 1 }] },
    });
    const codes = async (operations: OperationInput[]) =>
      (await container.items.batch(operations, "p")).result?.map(({ statusCode }) => statusCode);
    assert.deepEqual(await codes([upsert("x", 1), fenced("from c where c.generation = 1")]), [424, 412]);
    assert.deepEqual(await codes([fenced("from c where c.generation = 2"), upsert("y", 1)]), [200, 201]);
    assert.deepEqual(
      await codes([
        { operationType: "Replace", id: "fence", ifMatch: etag, resourceBody: { id: "fence", pk: "p" } },
        upsert("z", 1),
      ]),
      [412, 424],
    );
    assert.equal((await container.item("z", "p").read()).statusCode, 404);
  });

  it("leave the body out on request", async () => {
    const { result } = await container.items.batch([upsert("brief", 1)], "p", { contentResponseOnWriteEnabled: false });
    assert.equal(result?.[0]?.resourceBody, undefined);
    assert.ok(result?.[0]?.eTag);
  });

  it("hold at most 100 operations of one partition key and 2 MB", async () => {
    const text = "x".repeat(300_000);
    const large = Array.from(
      { length: 8 },
      (_, n): OperationInput => ({
        operationType: "Upsert",
        resourceBody: { id: `large${n}`, pk: "p", text },
      }),
    );
    await assert.rejects(container.items.batch(large, "p"), /Request size is too large/);
    const { result } = await container.items.batch([upsert("other", 1)], "q");
    assert.equal(result?.[0]?.statusCode, 400);
    const response = await fetch(`${fixture.server.endpoint}dbs/db/colls/batches/docs`, {
      method: "POST",
      headers: {
        "x-ms-cosmos-is-batch-request": "true",
        "x-ms-cosmos-batch-atomic": "true",
        "x-ms-documentdb-partitionkey": '["p"]',
      },
      body: JSON.stringify(Array.from({ length: 101 }, (_, n) => upsert(`n${n}`, n))),
    });
    assert.equal(response.status, 400);
    assert.match(((await response.json()) as { message: string }).message, /at most 100/);
  });
});

describe("bulk", () => {
  const create = (id: string, pk: string) => ({ operationType: "Create" as const, resourceBody: { id, pk } });

  it("carries out operations of many partition keys, each on its own", async () => {
    await using fixture = await startFixture();
    const container = fixture.container("bulk");
    await container.items.create({ id: "1", pk: "a" });
    const results = await container.items.bulk([
      create("1", "a"),
      create("1", "b"),
      { operationType: "Read", id: "1", partitionKey: "b" },
      { operationType: "Delete", id: "2", partitionKey: "b" },
      {
        operationType: "Patch",
        id: "1",
        partitionKey: "b",
        resourceBody: { operations: [{ op: "add", path: "/n", value: 1 }] },
      },
    ]);
    assert.deepEqual(
      results.map(({ statusCode }) => statusCode),
      [409, 201, 200, 404, 200],
    );
    assert.equal((await container.item("1", "b").read()).resource.n, 1);
  });

  it("works through executeBulkOperations, also when it has to be slowed down", async () => {
    await using fixture = await startFixture();
    const container = fixture.container("bulk");
    fixture.server.setRate("db", "bulk", 2000);
    const operations = Array.from({ length: 300 }, (_, n) => ({ ...create(`${n}`, `k${n}`), partitionKey: `k${n}` }));
    const results = await container.items.executeBulkOperations([
      ...operations,
      { ...create("0", "k0"), partitionKey: "k0" },
    ]);
    const codes = results.map(({ response, error }) => response?.statusCode ?? Number(error?.code));
    assert.deepEqual(new Set(codes.slice(0, 300)), new Set([201]));
    assert.equal(codes[300], 409);
    assert.deepEqual((await container.items.query("SELECT VALUE COUNT(1) FROM c").fetchAll()).resources, [300]);
  });
});

describe("request units", () => {
  it("are charged, counted and limited with 429", async () => {
    let now = 1_700_000_000_000;
    await using fixture = await startFixture({ clock: () => now, requestUnitsPerSecond: 20 });
    const container = fixture.container("slow");
    const post = (id: string) =>
      fetch(`${fixture.server.endpoint}dbs/db/colls/slow/docs`, {
        method: "POST",
        body: JSON.stringify({ id, pk: "p" }),
      });
    const answers = [];
    for (let n = 0; n < 6; n++) answers.push(await post(`${n}`));
    assert.deepEqual(
      answers.map(({ status }) => status),
      [201, 201, 201, 201, 429, 429],
    );
    const wait = Number(answers[5]?.headers.get("x-ms-retry-after-ms"));
    assert.ok(wait > 0 && wait < 1000, String(wait));
    assert.equal(answers[5]?.headers.get("x-ms-substatus"), "3200");
    now += wait;
    assert.equal((await post("again")).status, 201);
    assert.equal(fixture.server.stats().operations, 5);
    assert.ok(fixture.server.stats().requestUnits > 5 * 5.5);
    now += 1000;
    assert.equal(await failure(container.item("again", "p").read()), "none");
  });

  it("slow the SDK down without an error reaching the caller", async () => {
    await using fixture = await startFixture();
    const container = fixture.container("paced");
    fixture.server.setRate("db", "paced", 100);
    await Promise.all(Array.from({ length: 24 }, (_, n) => container.items.create({ id: `${n}`, pk: "p" })));
    assert.ok(fixture.server.stats().requests > 26);
  });
});
