import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { pack, unpack } from "../../lib/checkpoint/codec.ts";
import { createCheckpointStore } from "../../lib/checkpoint/index.ts";
import type { StoreChange } from "../../lib/engine/frame.ts";
import { type MemoryBlobs, memoryBlobs } from "../../lib/testing/memory-blobs.ts";
import { frameOf, plain, SHAPE, seededWorld, start, TASK } from "./support.ts";

const storeOf = (blobs: MemoryBlobs, seed: number) => createCheckpointStore({ blobs, world: seededWorld(seed) });

/** Commits messages and changes as one frame and opens the log again; answers too how many bytes the frame took. */
async function there(messages: readonly unknown[], changes: readonly StoreChange[]) {
  const blobs = memoryBlobs();
  const log = await storeOf(blobs, 1).open(TASK, SHAPE, start);
  const [segment] = (await blobs.list("")).filter(({ name }) => name.includes("/log/"));
  await log.append(frameOf(8, {}, { changes, outbox: [{ sink: "s", messages }] }));
  const after = (await blobs.list("")).find(({ name }) => name === segment?.name);
  const { recovered } = await storeOf(blobs, 2).open(TASK, SHAPE, start);
  const bytes = (after?.size ?? 0) - (segment?.size ?? 0);
  return { back: recovered.pending[0]?.outbox[0]?.messages, state: recovered.state, bytes };
}

/** Values of one sort, as a stage or a sink makes them, with now and then something else among them. */
const text = fc.string({ unit: "grapheme", maxLength: 300 });
const number = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constant(-0),
  fc.double(),
  fc.integer({ min: 980_000_000_000, max: 980_100_000_000 }),
);
const odd = fc.oneof(
  fc.constantFrom<unknown>(null, undefined, true, false, Number.NaN, -0, 2 ** 53, "", [], {}),
  fc.date(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.uint8Array({ maxLength: 40 }),
  fc.constant(Object.defineProperty({}, "__proto__", { value: 1, enumerable: true })),
);

const sorts = fc.letrec<{ sort: fc.Arbitrary<unknown> }>((tie) => ({
  sort: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(text, fc.constantFrom("a", "b"), number, fc.integer({ min: 0, max: 2 }), odd),
    fc.constant(fc.uint8Array({ maxLength: 20 })),
    tie("sort").map((sort) => fc.option(sort, { nil: null, freq: 3 })),
    tie("sort").map((sort) => fc.array(sort, { maxLength: 3 })),
    tie("sort").map((sort) => fc.array(sort, { minLength: 2, maxLength: 2 })),
    tie("sort").map((sort) => fc.array(fc.tuple(number, sort), { maxLength: 3 }).map((pairs) => new Map(pairs))),
    fc.dictionary(fc.string({ maxLength: 8 }), tie("sort"), { maxKeys: 4 }).map((fields) => fc.record(fields)),
    fc
      .dictionary(fc.string({ maxLength: 8 }), tie("sort"), { maxKeys: 4 })
      .map((fields) => fc.record(fields, { requiredKeys: [] })),
  ),
})).sort as fc.Arbitrary<fc.Arbitrary<unknown>>;

const alike = sorts.chain((sort) =>
  fc.array(fc.oneof({ arbitrary: sort, weight: 60 }, { arbitrary: odd, weight: 1 }), { minLength: 16, maxLength: 40 }),
);

describe("what a frame holds", () => {
  it("comes back as MessagePack would give it, whatever it is", async () => {
    await fc.assert(
      fc.asyncProperty(alike, async (values) => {
        const entries = values.flatMap((value, i) => [`k${i}`, value]);
        const { back, state } = await there(values, [{ store: "s", bucket: 3, entries }]);
        assert.deepStrictEqual(back, unpack(pack(values)));
        const kept = Object.fromEntries(values.map((value, i) => [`k${i}`, unpack(pack([value]))]));
        const expected = Object.entries(kept).flatMap(([key, [value]]) => (value === undefined ? [] : [[key, value]]));
        assert.deepStrictEqual([...(state.get("s")?.get(3) ?? [])], expected);
      }),
      { numRuns: 400 },
    );
  });

  it("keeps what looks alike and is not", async () => {
    const twenty = <T>(make: (i: number) => T): T[] => Array.from({ length: 20 }, (_, i) => make(i));
    const shared = { one: 1 };
    const proto = (i: number) => Object.defineProperty({ a: i }, "__proto__", { value: i, enumerable: true });
    const columns: unknown[][] = [
      twenty((i) => (i % 2 === 0 ? { a: i, b: 1 } : { a: i, c: 1 })),
      twenty((i) => (i === 9 ? { a: i, b: 1 } : { a: i })),
      twenty((i) => (i === 9 ? { a: i } : { a: i, b: 1 })),
      twenty((i) => (i === 9 ? { b: 1, a: i } : { a: i, b: 1 })),
      twenty((i) => (i === 9 ? Object.create({ a: 1 }) : { a: i })),
      twenty(proto),
      twenty(() => shared),
      twenty((i) => (i < 10 ? shared : { one: i })),
      twenty((i) => (i === 3 ? -0 : i / 3)),
      twenty((i) => (i % 3 === 0 ? null : i % 3 === 1 ? undefined : i)),
      twenty((i) => (i === 7 ? "x".repeat(300) : "y")),
      twenty((i) => [i, ...(i === 4 ? [1] : [])]),
    ];
    for (const values of columns) assert.deepStrictEqual((await there(values, [])).back, unpack(pack(values)));
    const [first, second] =
      (
        await there(
          twenty(() => shared),
          [],
        )
      ).back ?? [];
    assert.notEqual(first, second, "one of its own for each message");
  });

  it("keeps half a character, which UTF-8 cannot", async () => {
    const halves = ["\ud83d", ...Array.from({ length: 20 }, (_, i) => `text ${i}`)];
    const { back } = await there(halves, []);
    assert.deepStrictEqual(back, unpack(pack(halves)));
    const seam = ["\ud83d", "\ude00", ...halves.slice(1)];
    assert.deepStrictEqual((await there(seam, [])).back, seam);
  });

  it("keeps buckets of several stores apart, and what is dropped", async () => {
    const bucket = (store: string, at: number, keys: number) => ({
      ...{ store, bucket: at },
      entries: Array.from({ length: keys }, (_, i) => [`${store}-${i}`, i]).flat(),
    });
    const changes = [
      bucket("a", 1, 12),
      bucket("a", 2, 7),
      bucket("b", 1, 9),
      { ...bucket("a", 1, 0), dropped: true },
      bucket("a", 3, 1),
    ];
    const { state } = await there([], changes);
    const of = (store: string, keys: number) =>
      Object.fromEntries(Array.from({ length: keys }, (_, i) => [`${store}-${i}`, i]));
    assert.deepEqual(plain(state), { a: { 2: of("a", 7), 3: of("a", 1) }, b: { 1: of("b", 9) } });
  });

  it("takes far fewer bytes than MessagePack when messages are alike, and fewer still when there are many", async () => {
    const documents = Array.from({ length: 400 }, (_, i) => ({
      id: `ORD-${i}`,
      windowStart: "2001-01-29T10:00:00.000Z",
      flights: i % 50,
      average: i / 7,
    }));
    const { bytes, back } = await there(documents, []);
    assert.deepEqual(back, documents);
    assert.ok(bytes < 0.5 * pack(documents).length, `${bytes} of ${pack(documents).length}`);
    const long = Array.from({ length: 40 }, (_, i) => `${"lorem ipsum ".repeat(400)}${i}`);
    assert.ok((await there(long, [])).bytes < 10_000, "compressed");
  });
});
