import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { partitionKeyOf, toDocument } from "../../lib/sinks/cosmos/document.ts";
import { cosmos } from "../../lib/sinks/cosmos.ts";
import { JSON_ESCAPE_FACTOR, plainJson, roughJsonBytes } from "../../lib/sinks/plain-json.ts";

const rules = { partitionKey: ["/origin"] };
const refused = (message: RegExp) => ({ code: "SINK_REFUSED", message });

describe("a Cosmos DB document", () => {
  it("is a copy of the value as plain data", () => {
    const value = { id: "a", origin: "ORD", at: new Date(0), none: undefined, list: [1, undefined] };
    const document = toDocument(value, rules);
    assert.deepEqual(document, { id: "a", origin: "ORD", at: "1970-01-01T00:00:00.000Z", list: [1, null] });
    value.list.push(2);
    assert.deepEqual(document.list, [1, null]);
  });

  it("has the id that the option makes, the ttl, and no fence of somebody else", () => {
    const value = { origin: "ORD", _tm: { task: "other/0" } };
    const document = toDocument(value, { ...rules, id: ({ origin }) => `${origin}-1`, ttl: 60 });
    assert.deepEqual(document, { id: "ORD-1", origin: "ORD", ttl: 60 });
  });

  it("is refused without a usable id", () => {
    for (const id of ["", "a/b", "a\\b", "a?b", "a#b", "x".repeat(1024), "ü".repeat(512), 7, undefined]) {
      assert.throws(() => toDocument({ id, origin: "ORD" }, rules), refused(/id/), String(id));
    }
    assert.equal(toDocument({ id: "ü".repeat(511), origin: "ORD" }, rules).id.length, 511);
  });

  it("is refused without its partition key", () => {
    assert.throws(() => toDocument({ id: "a" }, rules), refused(/no value at its partition key \/origin/));
    assert.throws(() => toDocument({ id: "a", origin: {} }, rules), refused(/not a plain value/));
    assert.throws(() => toDocument({ id: "a", origin: "x".repeat(2049) }, rules), refused(/longer than 2048/));
    assert.equal(toDocument({ id: "a", origin: null }, rules).origin, null);
    const deep = { id: "a", at: { city: "Chicago" }, n: 1 };
    assert.deepEqual(partitionKeyOf(toDocument(deep, { partitionKey: ["/at/city", "/n"] }), ["/at/city", "/n"]), [
      "Chicago",
      1,
    ]);
  });

  it("is refused when it is no JSON object, naming the field", () => {
    for (const value of [null, 1, "a", [1]])
      assert.throws(() => toDocument(value, rules), refused(/must be an object/));
    assert.throws(() => toDocument(JSON.parse('{"id":"a","origin":"b","__proto__":1}'), rules), refused(/__proto__/));
    const circle: Record<string, unknown> = { id: "a", origin: "ORD" };
    circle.self = circle;
    assert.throws(() => toDocument(circle, rules), refused(/contains itself/));
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, 1n, () => 1, Symbol("s"), new Map(), new Uint8Array(1)]) {
      const value = { id: "a", origin: "ORD", stats: [{ p95: bad }] };
      assert.throws(() => toDocument(value, rules), refused(/Field "stats\[0\]\.p95"/));
    }
  });

  it("is refused above 2 MB, measured in bytes", () => {
    const sized = (text: string) => toDocument({ id: "a", origin: "ORD", text }, rules);
    assert.throws(() => sized("x".repeat(2 * 1024 * 1024)), refused(/takes 20971\d\d bytes/));
    assert.throws(() => sized("ü".repeat(1024 * 1024)), refused(/takes 20971\d\d bytes/));
    assert.throws(() => sized("\u0001".repeat(400_000)), refused(/takes 24000\d\d bytes/));
    assert.equal(sized("x".repeat(2 * 1024 * 1024 - 1024)).id, "a");
  });
});

describe("plain JSON", () => {
  it("is what JSON.stringify makes of a value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        fc.pre(!JSON.stringify(value).includes("__proto__"));
        const plain = plainJson(value);
        assert.equal(JSON.stringify(plain), JSON.stringify(value));
        assert.ok(Buffer.byteLength(JSON.stringify(plain)) <= roughJsonBytes(plain) * JSON_ESCAPE_FACTOR);
      }),
    );
  });
});

describe("cosmos()", () => {
  const target = { databaseName: "analytics", containerName: "delays" };

  it("describes its target as plain data", () => {
    const sink = cosmos<{ id: string }>({ ...target, partitionKey: ["/a", "/b"] });
    assert.equal(sink.name, "cosmos:analytics/delays");
    assert.deepEqual(sink.target, {
      kind: "cosmos",
      connection: "CosmosConnection",
      database: "analytics",
      container: "delays",
      partitionKey: ["/a", "/b"],
    });
  });

  it("refuses options that cannot be", () => {
    for (const partitionKey of ["origin", "", "/a//b", [], ["/a", "/b", "/c", "/d"]]) {
      assert.throws(() => cosmos<{ id: string }>({ ...target, partitionKey }), { code: "CONFIGURATION" });
    }
    for (const ttl of [0, -2, 1.5]) {
      assert.throws(() => cosmos<{ id: string }>({ ...target, partitionKey: "/a", ttl }), { code: "CONFIGURATION" });
    }
  });
});
