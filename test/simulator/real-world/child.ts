/** Runs simulations in a process of its own that looks for anything real; with "planted", with real things put into them. */
import { editSources } from "../mutants/apply.ts";
import { guard, noted, watched } from "./guard.ts";
import { PLANTED } from "./planted.ts";

guard();
const planting = process.argv[2] === "planted";
if (planting) editSources(PLANTED);

const { runSeed } = await import("../../../lib/testing/simulator/built-in.ts");
const { scenarioOf, scopeOf } = await import("../../../lib/testing/simulator/scenario.ts");
const { simulate } = await import("../../../lib/testing/simulator/simulate.ts");
const { EVENTS, TABLES, USERS } = await import("./pipelines.ts");

/** So many seeds of each kind, from one on; the usual ones by the pipelines that they have. */
const OF_EACH = 3;
/** Which writes Parquet. */
const COLUMNS = 14;

const kinds = new Map<string, number>();
const seeds = [COLUMNS];
for (let seed = 1; seed < 400; seed++) {
  const scenario = scenarioOf({ seed });
  const kind = scenario === "usual" ? scopeOf({ seed }) : scenario;
  const found = kinds.get(kind) ?? 0;
  if (found < OF_EACH) seeds.push(seed);
  kinds.set(kind, found + 1);
}
for (const seed of seeds) await watched(() => runSeed({ seed }));

for (const [index, pipeline] of USERS.entries()) {
  const options = { seed: index + 1, events: EVENTS, partitionKey: ({ sensor }: { sensor: string }) => sensor };
  // What was put in may fail the run without faults, which says nothing here.
  await watched(() => simulate(pipeline, { ...options, tables: TABLES })).catch(planting ? () => undefined : undefined);
}

process.stdout.write(JSON.stringify({ kinds: [...kinds.keys()].sort(), breaches: noted() }));
