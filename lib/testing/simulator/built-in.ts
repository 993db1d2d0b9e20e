import { mulberry32 } from "../virtual-world.ts";
import type { Oracle } from "./checks.ts";
import { drawSettings } from "./config.ts";
import { drawFaults, type Fault, type FaultKind, USUAL_KINDS } from "./faults.ts";
import { GROWTH_KINDS, growingWorkload } from "./growth.ts";
import { foldWorkload } from "./oracle.ts";
import { type RunResult, runApp } from "./run.ts";
import { silentWorkload } from "./silence.ts";
import { builtInWorkload, SOURCE_HUB } from "./workload.ts";

/** What of a seed is run: all of it, or less when it is being shrunk. */
export interface SeedOptions {
  readonly seed: number;
  /** Default: by seed, 100 to 110. */
  readonly events?: number | undefined;
  /** Default: by seed, 2 or 3. */
  readonly partitions?: number | undefined;
  /** The indexes of the faults that happen; default all. */
  readonly only?: readonly number[] | undefined;
  readonly kinds?: readonly FaultKind[] | undefined;
}

/**
 * What a seed's run is about: a chain of pipelines, the same with deadly events, windows that close in silence, or a hub
 * that gets another partition.
 */
export type Scenario = "chain" | "deadly" | "silence" | "growth";

/** Promises that settle in a usual run, about: faults are spread over this many. */
const HORIZON: Readonly<Record<Scenario, number>> = { chain: 780, deadly: 2_000, silence: 780, growth: 250 };

export function scenarioOf({ seed }: SeedOptions): Scenario {
  const chance = mulberry32(seed ^ 0x5ce7e)();
  return chance < 0.15 ? "silence" : chance < 0.23 ? "deadly" : chance < 0.25 ? "growth" : "chain";
}

/** The faults that a seed has. */
export function faultsOf(options: SeedOptions): readonly Fault[] {
  const { seed, only } = options;
  const scenario = scenarioOf(options);
  const kinds = options.kinds ?? kindsOf(scenario, options);
  const drawn = moreSurely(scenario, kinds, drawFaults(seed, kinds, HORIZON[scenario]));
  return only === undefined ? drawn : drawn.filter(({ index }) => only.includes(index));
}

/** When partitions move in silent runs, in promises settled: tasks have been opened, and there are events to come. */
const MOVES: readonly number[] = [130, 195];
/** Before which the first faults of a run come whose tasks stop early because partitions were added. */
const BEFORE_GROWTH: readonly number[] = [60, 30, 30];

/**
 * Where events come seldom or tasks stop early, whoever sleeps or crashes may have had no task yet, and a sleep be over
 * before another process is given an event: there the first faults come in time, and partitions move as well.
 */
function moreSurely(scenario: Scenario, kinds: readonly FaultKind[], drawn: readonly Fault[]): readonly Fault[] {
  const timely = drawn.map((fault): Fault => {
    const { index, at, value } = fault;
    if (scenario === "growth") return { ...fault, at: Math.min(at, BEFORE_GROWTH[index] ?? at) };
    if (scenario !== "silence" || index > 0) return fault;
    return { ...fault, at: 65 + Math.floor(at / 2), value: value < 0.5 ? value + 0.5 : value };
  });
  if (scenario !== "silence" || !kinds.includes("rebalance")) return timely;
  const index = drawn.length;
  return [
    ...timely,
    ...MOVES.map((at, i): Fault => ({ index: index + i, kind: "rebalance", at, value: i / MOVES.length })),
  ];
}

/** How many events a seed has. */
export function eventsOf({ seed, events }: SeedOptions): number {
  return events ?? 100 + Math.floor(mulberry32(seed ^ 0xc0de)() * 10);
}

/** Runs the built-in workload with everything that a seed decides. */
export function runSeed(options: SeedOptions): Promise<RunResult> {
  const random = mulberry32(options.seed ^ 0x5e77);
  const partitions = partitionsOf(options, random());
  const settings = drawSettings(options.seed, faultsOf(options), random);
  if (scenarioOf(options) === "silence") {
    const { app, silence, oracle } = silent(options);
    const retries = settings.retries || silence.waking.sweepEvery === undefined;
    return runApp(app, { ...settings, retries, waking: silence.waking, skewed: silence.skewed }, oracle);
  }
  const workload = { seed: options.seed, events: eventsOf(options), partitions };
  if (scenarioOf(options) === "growth") return runApp(growingWorkload(workload), settings, plainFold);
  const deadly = scenarioOf(options) === "deadly" ? (options.seed % 4 === 0 ? 2 : 1) : 0;
  const app = builtInWorkload({ ...workload, deadly });
  return runApp(app, settings, plainFold);
}

function kindsOf(scenario: Scenario, options: SeedOptions): readonly FaultKind[] {
  if (scenario === "silence") return silent(options).silence.kinds;
  return scenario === "growth" ? GROWTH_KINDS : USUAL_KINDS;
}

function partitionsOf({ partitions }: SeedOptions, chance: number): number {
  return partitions ?? (chance < 0.8 ? 2 : 3);
}

function silent(options: SeedOptions): ReturnType<typeof silentWorkload> {
  const partitions = partitionsOf(options, mulberry32(options.seed ^ 0x5e77)());
  return silentWorkload({ seed: options.seed, events: eventsOf(options), partitions });
}

const plainFold: Oracle = (cluster, losses) => {
  const hub = cluster.hub(SOURCE_HUB);
  return foldWorkload(
    Array.from({ length: hub.partitions }, (_, partition) => hub.history(partition)),
    losses,
  );
};
