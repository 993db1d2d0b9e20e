import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Container, PatchOperation } from "@azure/cosmos";
import { type Fixture, failure, startFixture } from "./fixture.ts";

describe("databases and containers", () => {
  it("are created, found, changed and deleted", async () => {
    await using fixture = await startFixture();
    const { databases } = fixture.client;
    assert.equal((await databases.createIfNotExists({ id: "store" })).statusCode, 201);
    const { database, statusCode } = await databases.createIfNotExists({ id: "store" });
    assert.equal(statusCode, 200);
    const definition = { id: "things", partitionKey: "/kind", defaultTtl: 60 };
    const { container } = await database.containers.createIfNotExists(definition, { offerThroughput: 700 });
    assert.equal((await database.containers.createIfNotExists(definition)).statusCode, 200);
    const { resource } = await container.read();
    assert.deepEqual(resource?.partitionKey?.paths, ["/kind"]);
    assert.equal((await container.readOffer()).resource?.content?.offerThroughput, 700);
    await container.replace({ id: "things", partitionKey: { paths: ["/kind"] }, defaultTtl: -1 });
    assert.equal((await container.read()).resource?.defaultTtl, -1);
    await container.delete();
    assert.equal(await failure(container.read()), "404");
    await database.delete();
    assert.equal(await failure(database.read()), "404");
  });

  it("refuse what the service refuses", async () => {
    await using fixture = await startFixture();
    const { database } = await fixture.client.databases.create({ id: "store" });
    assert.equal(await failure(fixture.client.databases.create({ id: "store" })), "409");
    assert.equal(await failure(database.containers.create({ id: "c", partitionKey: "/a", defaultTtl: 0 })), "400");
    assert.equal(await failure(database.container("none").items.create({ id: "1" })), "404");
    assert.equal(await failure(database.container("none").items.query("SELECT * FROM c").fetchAll()), "404/1003");
  });

  it("name what is not supported", async () => {
    await using fixture = await startFixture();
    const { scripts } = fixture.container("c");
    const calls: readonly (readonly [() => Promise<unknown>, RegExp])[] = [
      [() => scripts.storedProcedures.create({ id: "p", body: "function () {}" }), /stored procedure is not supported/],
      [() => scripts.userDefinedFunctions.create({ id: "f", body: "function () {}" }), /user defined function is not/],
      [() => scripts.triggers.readAll().fetchAll(), /trigger is not supported/],
    ];
    for (const [call, message] of calls) await assert.rejects(call, message);
  });
});

describe("items", () => {
  let fixture: Fixture;
  let container: Container;
  before(async () => {
    fixture = await startFixture();
    container = fixture.container("items");
  });
  after(() => fixture[Symbol.asyncDispose]());

  it("are created, read, replaced, upserted and deleted", async () => {
    const created = await container.items.create({ id: "a", pk: "p", n: 1, text: "ü\u2028" });
    assert.equal(created.statusCode, 201);
    assert.ok(created.requestCharge > 5);
    assert.equal(created.etag, created.resource?._etag);
    const read = await container.item("a", "p").read();
    assert.deepEqual(read.resource, created.resource);
    assert.equal(read.requestCharge, 1);
    const replaced = await container.item("a", "p").replace({ ...read.resource, n: 2 });
    assert.equal(replaced.statusCode, 200);
    assert.equal(replaced.resource?.n, 2);
    assert.equal(replaced.resource?._rid, read.resource?._rid);
    assert.notEqual(replaced.etag, read.etag);
    assert.equal((await container.items.upsert({ id: "a", pk: "p", n: 3 })).statusCode, 200);
    assert.equal((await container.items.upsert({ id: "b", pk: "p", n: 3 })).statusCode, 201);
    assert.equal((await container.item("a", "p").delete()).statusCode, 204);
    assert.equal((await container.item("a", "p").read()).statusCode, 404);
  });

  it("are refused with the service's status", async () => {
    await container.items.create({ id: "c", pk: "p" });
    assert.equal(await failure(container.items.create({ id: "c", pk: "p" })), "409");
    assert.equal(await failure(container.items.create({ id: "c", pk: "other" })), "none");
    assert.equal(await failure(container.item("none", "p").replace({ id: "none", pk: "p" })), "404");
    assert.equal(await failure(container.item("none", "p").delete()), "404");
    assert.equal(await failure(container.item("c", "p").replace({ id: "d", pk: "p" })), "400");
    assert.equal(await failure(container.item("c", "p").replace({ id: "c", pk: "q" })), "400/1001");
    assert.equal(await failure(container.item("c", ["p", "q"]).delete()), "400/1001");
    assert.equal(await failure(container.items.create({ id: "ttl", pk: "p", ttl: 0 })), "400");
    assert.equal(await failure(container.items.create({ id: "big", pk: "p", text: "x".repeat(2_100_000) })), "413");
    assert.equal(await failure(container.items.create({ id: "fits", pk: "p", text: "x".repeat(2_000_000) })), "none");
    await assert.rejects(container.items.create({ id: "c", pk: "p" }), (error: { body: { code: string } }) => {
      return error.body.code === "Conflict";
    });
  });

  it("heed If-Match and If-None-Match", async () => {
    const { etag } = await container.items.create({ id: "e", pk: "p", n: 1 });
    const item = container.item("e", "p");
    const on = (type: "IfMatch" | "IfNoneMatch", condition: string) => ({ accessCondition: { type, condition } });
    assert.equal((await item.read(on("IfNoneMatch", etag))).statusCode, 304);
    assert.equal((await item.read(on("IfNoneMatch", '"other"'))).statusCode, 200);
    assert.equal((await item.replace({ id: "e", pk: "p", n: 2 }, on("IfMatch", etag))).statusCode, 200);
    assert.equal(await failure(item.replace({ id: "e", pk: "p", n: 3 }, on("IfMatch", etag))), "412");
    assert.equal(await failure(item.patch([{ op: "set", path: "/n", value: 3 }], on("IfMatch", etag))), "412");
    assert.equal(await failure(item.delete(on("IfMatch", etag))), "412");
    assert.equal(await failure(container.items.upsert({ id: "e", pk: "p" }, on("IfMatch", etag))), "412");
    assert.equal(await failure(container.items.upsert({ id: "e", pk: "p" }, on("IfNoneMatch", "*"))), "412");
    assert.equal((await item.read()).resource.n, 2);
    // As in the service, an upsert of something that doesn't exist ignores If-Match.
    assert.equal((await container.items.upsert({ id: "f", pk: "p" }, on("IfMatch", etag))).statusCode, 201);
    assert.equal((await item.delete(on("IfMatch", "*"))).statusCode, 204);
  });

  it("tell apart keys of every type, and none", async () => {
    const keys = ["1", 1, true, null, "ü/? \"'"] as const;
    for (const pk of keys) await container.items.create({ id: "key", pk });
    await container.items.create({ id: "key" });
    for (const pk of keys) assert.equal((await container.item("key", pk).read()).resource.pk, pk);
    assert.equal((await container.item("key", undefined).read()).resource.pk, undefined);
    const found = await container.items.query("SELECT VALUE c.pk FROM c WHERE c.id = 'key' AND c.pk = 1").fetchAll();
    assert.deepEqual(found.resources, [1]);
    await container.item("key", 1).delete();
    assert.equal((await container.item("key", "1").read()).statusCode, 200);
  });

  it("ids with percent signs, spaces and other letters work", async () => {
    for (const id of ["50%", "a b", "%41", "ø+&=", "日本"]) {
      await container.items.create({ id, pk: "ids" });
      assert.equal((await container.item(id, "ids").read()).resource?.id, id);
    }
  });

  const patches: readonly (readonly [PatchOperation[], object | undefined])[] = [
    [[{ op: "add", path: "/b", value: 2 }], { a: 1, list: [1, 2], in: { x: 1 }, b: 2 }],
    [[{ op: "add", path: "/list/1", value: 9 }], { a: 1, list: [1, 9, 2], in: { x: 1 } }],
    [[{ op: "add", path: "/list/-", value: 9 }], { a: 1, list: [1, 2, 9], in: { x: 1 } }],
    [[{ op: "add", path: "/list/3", value: 9 }], undefined],
    [[{ op: "set", path: "/list/0", value: 9 }], { a: 1, list: [9, 2], in: { x: 1 } }],
    [[{ op: "set", path: "/in/y", value: null }], { a: 1, list: [1, 2], in: { x: 1, y: null } }],
    [[{ op: "set", path: "/no/y", value: 1 }], undefined],
    [[{ op: "replace", path: "/a", value: "z" }], { a: "z", list: [1, 2], in: { x: 1 } }],
    [[{ op: "replace", path: "/none", value: 1 }], undefined],
    [[{ op: "remove", path: "/in/x" }], { a: 1, list: [1, 2], in: {} }],
    [[{ op: "remove", path: "/none" }], undefined],
    [[{ op: "incr", path: "/a", value: 2.5 }], { a: 3.5, list: [1, 2], in: { x: 1 } }],
    [[{ op: "incr", path: "/new", value: 2 }], { a: 1, list: [1, 2], in: { x: 1 }, new: 2 }],
    [[{ op: "incr", path: "/in", value: 2 }], undefined],
    [[{ op: "move", from: "/a", path: "/in/a" } as unknown as PatchOperation], { list: [1, 2], in: { x: 1, a: 1 } }],
    [[{ op: "move", from: "/in", path: "/in/deep" } as unknown as PatchOperation], undefined],
    [
      [
        { op: "set", path: "/a", value: 5 },
        { op: "remove", path: "/none" },
      ],
      undefined,
    ],
    [[{ op: "set", path: "/pk", value: "other" }], undefined],
    [[{ op: "set", path: "/id", value: "other" }], undefined],
    [[{ op: "set", path: "/_ts", value: 1 }], undefined],
    [Array.from({ length: 11 }, (_, n) => ({ op: "set" as const, path: `/n${n}`, value: n })), undefined],
  ];
  for (const [operations, expected] of patches) {
    it(`patch ${JSON.stringify(operations).slice(0, 80)}`, async () => {
      const before = { a: 1, list: [1, 2], in: { x: 1 } };
      await container.items.upsert({ id: "patched", pk: "p", ...before });
      const item = container.item("patched", "p");
      if (expected === undefined) assert.equal(await failure(item.patch(operations)), "400");
      else assert.equal((await item.patch(operations)).statusCode, 200);
      const { id, pk, _rid, _self, _etag, _attachments, _ts, ...own } = (await item.read()).resource;
      assert.deepEqual(own, expected ?? before);
    });
  }

  it("are patched only where the condition holds", async () => {
    await container.items.create({ id: "fenced", pk: "p", generation: 3 });
    const item = container.item("fenced", "p");
    const patch = (condition: string) =>
      item.patch({ condition, operations: [{ op: "incr", path: "/generation", value: 1 }] });
    assert.equal((await patch("from c where c.generation < 4")).resource.generation, 4);
    assert.equal(await failure(patch("from c where c.generation < 4")), "412");
    assert.equal(await failure(patch("from c where c.missing = 1")), "412");
    assert.equal(await failure(patch("from c whre c.generation < 4")), "400");
    assert.equal(await failure(container.item("none", "p").patch([{ op: "set", path: "/a", value: 1 }])), "404");
  });

  it("of one partition key are deleted together", async () => {
    await container.items.create({ id: "1", pk: "gone" });
    await container.items.create({ id: "2", pk: "gone" });
    await container.deleteAllItemsForPartitionKey("gone");
    assert.equal((await container.item("1", "gone").read()).statusCode, 404);
  });
});

describe("hierarchical partition keys", () => {
  it("are read whole and queried by their beginning", async () => {
    await using fixture = await startFixture();
    const container = fixture.container("h", "/tenant", "/user", "/session");
    for (const [id, tenant, user, session] of [
      ["1", "a", "u", 1],
      ["2", "a", "u", 2],
      ["3", "a", "v", 1],
      ["4", "ab", "u", 1],
    ] as const) {
      await container.items.create({ id, tenant, user, session });
    }
    assert.equal((await container.item("2", ["a", "u", 2]).read()).resource.id, "2");
    assert.equal(await failure(container.item("2", ["a", "u"]).delete()), "400/1001");
    const find = async (where: string, partitionKey?: string[]) => {
      const query = `SELECT VALUE c.id FROM c WHERE ${where}`;
      return (await container.items.query(query, partitionKey && { partitionKey }).fetchAll()).resources.join("");
    };
    assert.equal(await find("true", ["a"]), "123");
    assert.equal(await find("true", ["a", "u"]), "12");
    assert.equal(await find("c.tenant = 'a'"), "123");
    assert.equal(await find("c.tenant = 'a' AND c.user = 'v'"), "3");
    assert.equal(await find("c.user = 'v'", ["a"]), "3");
    assert.equal(await find("c.tenant = 'ab'", ["a"]), "");
    await container.items.create({ id: "5", tenant: 1, user: "u", session: 1 });
    await container.items.create({ id: "6", tenant: 12, user: "u", session: 1 });
    assert.equal(await find("c.tenant = 1"), "5");
  });
});

describe("unique keys", () => {
  it("hold within a partition key and count a missing value as one", async () => {
    await using fixture = await startFixture();
    const { database } = await fixture.client.databases.create({ id: "db" });
    const uniqueKeyPolicy = { uniqueKeys: [{ paths: ["/mail"] }] };
    const { container } = await database.containers.create({ id: "u", partitionKey: "/pk", uniqueKeyPolicy });
    await container.items.create({ id: "1", pk: "p", mail: "a" });
    assert.equal(await failure(container.items.create({ id: "2", pk: "p", mail: "a" })), "409");
    assert.equal(await failure(container.items.create({ id: "2", pk: "q", mail: "a" })), "none");
    assert.equal(await failure(container.items.create({ id: "3", pk: "p" })), "none");
    assert.equal(await failure(container.items.create({ id: "4", pk: "p" })), "409");
    assert.equal(await failure(container.items.upsert({ id: "3", pk: "p", mail: "a" })), "409");
  });
});

describe("time to live", () => {
  it("follows the container's default, the item's own and −1", async () => {
    let now = 1_700_000_000_000;
    await using fixture = await startFixture({ clock: () => now });
    fixture.server.ensureContainer("db", "ttl", ["/pk"], { defaultTtl: 10 });
    const container = fixture.client.database("db").container("ttl");
    await container.items.create({ id: "default", pk: "p" });
    await container.items.create({ id: "longer", pk: "p", ttl: 20 });
    await container.items.create({ id: "forever", pk: "p", ttl: -1 });
    const left = async () => (await container.items.query("SELECT VALUE c.id FROM c").fetchAll()).resources;
    now += 9_000;
    assert.deepEqual(await left(), ["default", "longer", "forever"]);
    now += 2_000;
    assert.deepEqual(await left(), ["longer", "forever"]);
    assert.equal((await container.item("default", "p").read()).statusCode, 404);
    assert.equal((await container.items.create({ id: "default", pk: "p" })).statusCode, 201);
    now += 100_000;
    assert.deepEqual(await left(), ["forever"]);
    await container.replace({ id: "ttl", partitionKey: { paths: ["/pk"] } });
    await container.items.create({ id: "kept", pk: "p", ttl: 1 });
    now += 100_000;
    assert.ok((await left()).includes("kept"));
  });
});
