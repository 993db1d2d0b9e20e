import assert from "node:assert/strict";
import { test } from "node:test";
import { ASSERTIONS } from "./assertions/index.ts";
import { evaluateCase, VARIATIONS } from "./cases.ts";
import { ACCESS } from "./mutations/access.ts";
import { CONTENT } from "./mutations/content.ts";
import type { Mutation } from "./mutations/mutation.ts";

const MUTATIONS = [...ACCESS, ...CONTENT];

/** What the assertion that a mutation is aimed at says of the broken template. */
function findings({ file, from, to, breaks, in: variation = "prod" }: Mutation): readonly string[] {
  const which = VARIATIONS.find(({ name }) => name === variation);
  const assertion = ASSERTIONS.find(({ name }) => name === breaks);
  assert.ok(which && assertion, `there is no variation "${variation}" or no assertion "${breaks}"`);
  let edited = false;
  const one = evaluateCase(which, (path, text) => {
    if (path !== file) return text;
    assert.ok(text.includes(from), `${file} does not hold ${JSON.stringify(from)}`);
    edited = true;
    return text.replaceAll(from, to);
  });
  assert.ok(edited, `${file} is not read in "${variation}"`);
  return assertion.check(one);
}

for (const mutation of MUTATIONS) {
  test(`${mutation.file}: ${JSON.stringify(mutation.from)} → ${JSON.stringify(mutation.to)}`, () => {
    assert.notDeepEqual(findings(mutation), [], `"${mutation.breaks}" did not notice`);
  });
}

for (const { name } of ASSERTIONS) {
  test(`some mutation is noticed by "${name}"`, () => {
    assert.ok(MUTATIONS.some(({ breaks }) => breaks === name));
  });
}
