import assert from "node:assert/strict";
import { it } from "node:test";
import type { BlobPort } from "../../lib/checkpoint/index.ts";

/** What every blob port must do: the log stands on these and on nothing else. */
export function blobPortConformance(port: () => BlobPort): void {
  let count = 0;
  const fresh = (): string => `conformance/${++count}/blob`;
  const bytes = (text: string): Uint8Array => Buffer.from(text);
  const text = async (name: string, from = 0, to = 1_000_000): Promise<string | undefined> => {
    const found = await port().read(name, from, to);
    return found && Buffer.from(found).toString();
  };

  it("creates an append blob once", async () => {
    const name = fresh();
    assert.equal(await port().createAppend(name), true);
    assert.equal(await port().append(name, 0, bytes("kept")), "appended");
    assert.equal(await port().createAppend(name), false);
    assert.equal(await text(name), "kept");
  });

  it("creates a whole blob once", async () => {
    const name = fresh();
    assert.equal(await port().create(name, bytes("first")), true);
    assert.equal(await port().create(name, bytes("second")), false);
    assert.equal(await text(name), "first");
    assert.equal(await port().createAppend(name), false);
  });

  it("appends at the expected position only", async () => {
    const name = fresh();
    await port().createAppend(name);
    assert.equal(await port().append(name, 1, bytes("early")), "elsewhere");
    assert.equal(await port().append(name, 0, bytes("abc")), "appended");
    assert.equal(await port().append(name, 0, bytes("abc")), "elsewhere");
    assert.equal(await port().append(name, 2, bytes("x")), "elsewhere");
    assert.equal(await port().append(name, 3, bytes("def")), "appended");
    assert.equal(await text(name), "abcdef");
  });

  it("lets one of two appends at the same position win", async () => {
    const name = fresh();
    await port().createAppend(name);
    const outcomes = await Promise.all(["one", "two"].map((word) => port().append(name, 0, bytes(word))));
    assert.deepEqual(outcomes.toSorted(), ["appended", "elsewhere"]);
    assert.equal(await text(name), outcomes[0] === "appended" ? "one" : "two");
  });

  it("takes an append of four mebibytes", async () => {
    const name = fresh();
    const large = Buffer.alloc(4 * 1024 * 1024, 7);
    await port().createAppend(name);
    assert.equal(await port().append(name, 0, large), "appended");
    const found = await port().read(name, 0, large.length);
    assert.equal(found && Buffer.compare(found, large), 0);
  });

  it("reads ranges, also such that end behind the blob or begin there", async () => {
    const name = fresh();
    await port().createAppend(name);
    assert.equal(await text(name), "");
    await port().append(name, 0, bytes("0123456789"));
    assert.equal(await text(name, 2, 5), "234");
    assert.equal(await text(name, 8, 50), "89");
    assert.equal(await text(name, 10, 20), "");
    assert.equal(await text(name, 15, 20), "");
    assert.equal(await text(name, 3, 3), "");
  });

  it("says when there is no such blob", async () => {
    const name = fresh();
    assert.equal(await text(name), undefined);
    assert.equal(await port().size(name), undefined);
    assert.equal(await port().append(name, 0, bytes("x")), "missing");
    await port().remove(name);
  });

  it("knows sizes", async () => {
    const name = fresh();
    await port().createAppend(name);
    assert.equal(await port().size(name), 0);
    await port().append(name, 0, bytes("abc"));
    assert.equal(await port().size(name), 3);
  });

  it("lists by prefix, in order of name, with sizes, across folders", async () => {
    const folder = `${fresh()}/`;
    await port().create(`${folder}b/2`, bytes("22"));
    await port().create(`${folder}b/1`, bytes("1"));
    await port().createAppend(`${folder}a%2Fc/0`);
    await port().append(`${folder}a%2Fc/0`, 0, bytes("000"));
    await port().create(`${folder.slice(0, -1)}-other`, bytes("x"));
    assert.deepEqual(
      (await port().list(folder)).map(({ name, size }) => [name.slice(folder.length), size]),
      [
        ["a%2Fc/0", 3],
        ["b/1", 1],
        ["b/2", 2],
      ],
    );
    assert.deepEqual(await port().list(`${folder}none`), []);
  });

  it("forgets what was removed", async () => {
    const name = fresh();
    await port().createAppend(name);
    await port().append(name, 0, bytes("abc"));
    await port().remove(name);
    assert.equal(await port().size(name), undefined);
    assert.equal(await port().append(name, 3, bytes("late")), "missing");
    assert.deepEqual(await port().list(name), []);
  });
}
