import { runSeed } from "./built-in.ts";
import type { FaultKind } from "./faults.ts";
import type { RunSize } from "./run.ts";
import type { SeedOptions } from "./scenario.ts";

/** What many seeds came to. */
export interface ManyResult {
  readonly seeds: number;
  readonly violations: number;
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  readonly secondsVirtual: number;
  /** The least that any seed had to do. */
  readonly least: RunSize | undefined;
}

export interface ManyOptions extends Omit<SeedOptions, "seed"> {
  readonly first: number;
  readonly seeds: number;
  /** Called for every seed that failed; false ends the run. */
  readonly onFailure: (options: SeedOptions, violations: readonly string[]) => boolean | Promise<boolean>;
  /** Called after every seed. */
  readonly onProgress?: (ran: number, violations: number) => void;
}

/** Runs seeds one after the other. */
export async function runMany({ first, seeds, onFailure, onProgress, ...rest }: ManyOptions): Promise<ManyResult> {
  const faults: Partial<Record<FaultKind, number>> = {};
  let violations = 0;
  let secondsVirtual = 0;
  let ran = 0;
  let least: RunSize | undefined;
  for (let seed = first; ran < seeds; seed++) {
    const result = await runSeed({ ...rest, seed });
    ran++;
    secondsVirtual += result.secondsVirtual;
    for (const [kind, count] of Object.entries(result.faults)) {
      faults[kind as FaultKind] = (faults[kind as FaultKind] ?? 0) + count;
    }
    least = least === undefined ? result.size : lesser(least, result.size);
    if (result.violations.length > 0) violations++;
    onProgress?.(ran, violations);
    if (result.violations.length > 0 && !(await onFailure({ ...rest, seed }, result.violations))) break;
  }
  return { seeds: ran, violations, faults, secondsVirtual: Math.round(secondsVirtual), least };
}

function lesser(one: RunSize, other: RunSize): RunSize {
  return {
    partitions: Math.min(one.partitions, other.partitions),
    events: Math.min(one.events, other.events),
    faults: Math.min(one.faults, other.faults),
    takeOvers: Math.min(one.takeOvers, other.takeOvers),
  };
}
