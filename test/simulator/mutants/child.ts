/** One broken variant in a process of its own: runs seeds until one catches it. Arguments: the name, the most seeds. */
import { applyMutant } from "./apply.ts";

const [name, most] = process.argv.slice(2);
applyMutant(name);

const { runSeed } = await import("../../../lib/testing/simulator/built-in.ts");
let caught: { seeds: number; violation: string | undefined } | undefined;
for (let seed = 1; seed <= Number(most) && caught === undefined; seed++) {
  const { violations } = await runSeed({ seed });
  if (violations.length > 0) caught = { seeds: seed, violation: violations[0] };
}
process.stdout.write(`${JSON.stringify(caught ?? {})}\n`);
