import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { test } from "node:test";

const TEST = resolve(import.meta.dirname, "..");
const PAGE = resolve(TEST, "../docs/guarantees.md");

test("every promise says where it ends and names tests that exist", async () => {
  const promises = (await readFile(PAGE, "utf8")).split(/^### /m).slice(1);
  assert.ok(promises.length >= 10);
  for (const promise of promises) {
    const title = promise.split("\n")[0];
    assert.match(promise, /\*Where it ends\.\*/, title);
    const named = [...promise.matchAll(/^- `([^`]+)`: (.+)$/gm)];
    assert.ok(named.length > 0, title);
    for (const [, file, name] of named) {
      const source = await readFile(resolve(TEST, file as string), "utf8");
      assert.ok(source.includes(name as string), `${title}: ${file} has no test "${name}"`);
    }
  }
});
