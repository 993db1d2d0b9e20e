import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { transform } from "esbuild";
import { MUTANTS } from "./mutants/list.ts";
import { applyEdits } from "./mutants/mutant.ts";
import { runMutant } from "./mutants/run-mutants.ts";

/** Variants that the first seeds catch. */
const QUICK = ["trust-the-host", "no-downstream-dedupe", "sequence-restarts", "state-kept-after-a-throw"];

describe("broken variants", () => {
  it("are at least twenty, each with a name of its own", () => {
    assert.ok(MUTANTS.length >= 20);
    assert.equal(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
  });

  it("fit the sources that they change, and are programs", async () => {
    for (const { name, edits } of MUTANTS) {
      for (const [file, ofFile] of Map.groupBy(edits, (edit) => edit.file)) {
        const source = readFileSync(new URL(`../../lib/${file}`, import.meta.url), "utf8");
        const broken = applyEdits(source, ofFile);
        assert.notEqual(broken, source, name);
        await transform(broken, { loader: "ts", logLevel: "silent" }).catch((error: unknown) =>
          assert.fail(`${name}: ${error}`),
        );
      }
    }
  });

  for (const name of QUICK) {
    it(`${name} is caught within a few seeds`, async () => {
      const { seeds, violation } = await runMutant(name, 25);
      assert.ok(seeds !== undefined && violation !== undefined);
    });
  }
});
