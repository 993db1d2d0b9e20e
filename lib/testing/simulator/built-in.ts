import { mulberry32 } from "../virtual-world.ts";
import type { Oracle } from "./checks.ts";
import { drawSettings } from "./config.ts";
import { drawFaults, FAULT_KINDS, type Fault, type FaultKind } from "./faults.ts";
import { foldWorkload } from "./oracle.ts";
import { type RunResult, runApp } from "./run.ts";
import { builtInWorkload, SOURCE_HUB } from "./workload.ts";

/** What of a seed is run: all of it, or less when it is being shrunk. */
export interface SeedOptions {
  readonly seed: number;
  /** Default: by seed, 100 to 140. */
  readonly events?: number | undefined;
  /** Default: by seed, 2 or 3. */
  readonly partitions?: number | undefined;
  /** The indexes of the faults that happen; default all. */
  readonly only?: readonly number[] | undefined;
  readonly kinds?: readonly FaultKind[] | undefined;
}

/** Promises that settle in a usual run, about: faults are spread over this many. */
const HORIZON = 900;

/** The faults that a seed has. */
export function faultsOf({ seed, only, kinds = FAULT_KINDS }: SeedOptions): readonly Fault[] {
  const drawn = drawFaults(seed, kinds, HORIZON);
  return only === undefined ? drawn : drawn.filter(({ index }) => only.includes(index));
}

/** How many events a seed has. */
export function eventsOf({ seed, events }: SeedOptions): number {
  return events ?? 100 + Math.floor(mulberry32(seed ^ 0xc0de)() * 40);
}

/** Runs the built-in workload with everything that a seed decides. */
export function runSeed(options: SeedOptions): Promise<RunResult> {
  const random = mulberry32(options.seed ^ 0x5e77);
  const partitions = random() < 0.8 ? 2 : 3;
  const settings = drawSettings(options.seed, faultsOf(options), random);
  const app = builtInWorkload({
    seed: options.seed,
    events: eventsOf(options),
    partitions: options.partitions ?? partitions,
  });
  return runApp(app, settings, plainFold);
}

const plainFold: Oracle = (cluster, losses) => {
  const hub = cluster.hub(SOURCE_HUB);
  return foldWorkload(
    Array.from({ length: hub.partitions }, (_, partition) => hub.history(partition)),
    losses,
  );
};
