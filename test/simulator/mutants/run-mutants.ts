import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { MUTANTS } from "./list.ts";

export interface MutantResult {
  readonly name: string;
  /** How many seeds it took; undefined when none caught it. */
  readonly seeds: number | undefined;
  readonly violation: string | undefined;
}

export interface MutantsOptions {
  /** Seeds after which a variant counts as not caught. */
  readonly most: number;
  readonly named?: string | undefined;
  readonly onResult?: (result: MutantResult) => void;
}

const run = promisify(execFile);

export const mutantNames: readonly string[] = MUTANTS.map(({ name }) => name);

/** Runs broken variants, two at a time, each until a seed catches it. */
export async function runAllMutants({ most, named, onResult }: MutantsOptions): Promise<MutantResult[]> {
  const chosen = MUTANTS.filter(({ name }) => named === undefined || name === named);
  const results: MutantResult[] = [];
  const waiting = [...chosen];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const result = await runMutant(next.name, most);
      results.push(result);
      onResult?.(result);
    }
  };
  await Promise.all([work(), work()]);
  return results.sort((a, b) => order(chosen, a) - order(chosen, b));
}

/** Runs one broken variant in a process of its own until a seed catches it. */
export async function runMutant(name: string, most: number): Promise<MutantResult> {
  const child = fileURLToPath(new URL("child.ts", import.meta.url));
  const { stdout } = await run(process.execPath, ["--disable-warning=ExperimentalWarning", child, name, String(most)]);
  const { seeds, violation } = JSON.parse(stdout) as { seeds?: number; violation?: string };
  return { name, seeds, violation };
}

function order(chosen: readonly { readonly name: string }[], { name }: MutantResult): number {
  return chosen.findIndex((one) => one.name === name);
}
