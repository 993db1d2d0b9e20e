import assert from "node:assert/strict";
import { test } from "node:test";
import { ASSERTIONS } from "./assertions/index.ts";
import { evaluateCase, VARIATIONS } from "./cases.ts";

for (const variation of VARIATIONS) {
  test(`infrastructure: ${variation.name}`, async (t) => {
    const one = evaluateCase(variation);
    for (const { name, check } of ASSERTIONS) {
      await t.test(name, () => assert.deepEqual(check(one), []));
    }
  });
}

test("assertions have names of their own", () => {
  assert.equal(new Set(ASSERTIONS.map(({ name }) => name)).size, ASSERTIONS.length);
});
