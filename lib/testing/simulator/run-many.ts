import { runSeed, type SeedOptions } from "./built-in.ts";
import type { FaultKind } from "./faults.ts";

/** What many seeds came to. */
export interface ManyResult {
  readonly seeds: number;
  readonly violations: number;
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  readonly secondsVirtual: number;
}

export interface ManyOptions extends Omit<SeedOptions, "seed"> {
  readonly first: number;
  readonly seeds: number;
  /** Called for every seed that failed; false ends the run. */
  readonly onFailure: (options: SeedOptions, violations: readonly string[]) => boolean | Promise<boolean>;
}

/** Runs seeds one after the other. */
export async function runMany({ first, seeds, onFailure, ...rest }: ManyOptions): Promise<ManyResult> {
  const faults: Partial<Record<FaultKind, number>> = {};
  let violations = 0;
  let secondsVirtual = 0;
  let ran = 0;
  for (let seed = first; ran < seeds; seed++) {
    const result = await runSeed({ ...rest, seed });
    ran++;
    secondsVirtual += result.secondsVirtual;
    for (const [kind, count] of Object.entries(result.faults)) {
      faults[kind as FaultKind] = (faults[kind as FaultKind] ?? 0) + count;
    }
    if (result.violations.length === 0) continue;
    violations++;
    if (!(await onFailure({ ...rest, seed }, result.violations))) break;
  }
  return { seeds: ran, violations, faults, secondsVirtual: Math.round(secondsVirtual) };
}
