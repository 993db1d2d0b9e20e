import type { MutantResult } from "../../../test/simulator/mutants/run-mutants.ts";
import { TidemarkError } from "../../errors.ts";
import { nearest } from "../nearest.ts";
import { counted } from "../once/progress.ts";

/** Runs broken variants, each until a seed catches it; resolves to the exit code, throws CONFIGURATION. */
export async function runMutants(options: { most: number; named: string | undefined }, json: boolean): Promise<number> {
  const { named } = options;
  // They rewrite sources of the project itself and live with its tests; an installed package has none.
  const place = new URL("../../../test/simulator/mutants/run-mutants.ts", import.meta.url);
  type Module = typeof import("../../../test/simulator/mutants/run-mutants.ts");
  const { mutantNames, runAllMutants } = (await import(place.href)) as Module;
  if (named !== undefined && !mutantNames.includes(named)) {
    const guess = nearest(named, mutantNames);
    throw new TidemarkError("CONFIGURATION", `There is no variant "${named}".`, {
      fix: guess === undefined ? "Leave --mutant away to run all." : `Did you mean ${guess}?`,
    });
  }
  const onResult = (result: MutantResult): void => {
    if (!json) process.stdout.write(`${describe(result)}\n`);
  };
  const results = await runAllMutants({ ...options, onResult });
  if (json) process.stdout.write(`${JSON.stringify(results)}\n`);
  return results.every(({ seeds }) => seeds !== undefined) ? 0 : 1;
}

function describe({ name, seeds, violation }: MutantResult): string {
  if (seeds === undefined) return `${name}: NOT CAUGHT`;
  const first = violation?.split("\n", 1)[0]?.slice(0, 100);
  return `${name}: caught after ${counted(seeds, "seed")} (${first})`;
}
