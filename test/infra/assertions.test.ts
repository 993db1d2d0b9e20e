import assert from "node:assert/strict";
import { test } from "node:test";
import { ASSERTIONS } from "./assertions/index.ts";
import { evaluateCase, VARIATIONS } from "./cases.ts";

for (const variation of VARIATIONS) {
  test(`${ASSERTIONS.length} assertions hold of "${variation.name}"`, () => {
    const one = evaluateCase(variation);
    const broken = ASSERTIONS.map(({ name, check }) => [name, check(one)] as const).filter(
      ([, found]) => found.length > 0,
    );
    assert.deepEqual(Object.fromEntries(broken), {});
  });
}

test("assertions have names of their own", () => {
  assert.equal(new Set(ASSERTIONS.map(({ name }) => name)).size, ASSERTIONS.length);
});
