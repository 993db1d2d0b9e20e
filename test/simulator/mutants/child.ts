/** One broken variant in a process of its own: runs seeds until one catches it. Arguments: the name, the most seeds. */
import { registerHooks } from "node:module";
import { MUTANTS } from "./list.ts";
import { applyEdits } from "./mutant.ts";

const [name, most] = process.argv.slice(2);
const mutant = MUTANTS.find((one) => one.name === name);
if (mutant === undefined) throw new Error(`There is no mutant "${name}".`);

const lib = new URL("../../../lib/", import.meta.url).href;
registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const edits = mutant.edits.filter(({ file }) => url === lib + file);
    if (edits.length === 0) return loaded;
    return { ...loaded, source: applyEdits(String(loaded.source), edits) };
  },
});

const { runSeed } = await import("../../../lib/testing/simulator/built-in.ts");
let caught: { seeds: number; violation: string | undefined } | undefined;
for (let seed = 1; seed <= Number(most) && caught === undefined; seed++) {
  const { violations } = await runSeed({ seed });
  if (violations.length > 0) caught = { seeds: seed, violation: violations[0] };
}
process.stdout.write(`${JSON.stringify(caught ?? {})}\n`);
