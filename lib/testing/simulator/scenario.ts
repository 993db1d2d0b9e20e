import { mulberry32 } from "../virtual-world.ts";
import { drawFaults, type Fault, type FaultKind, USUAL_KINDS } from "./faults.ts";
import { GROWTH_KINDS } from "./growth.ts";
import { silentKinds, silentWorkload } from "./silence.ts";
import type { Scope } from "./workload.ts";

/** What of a seed is run: all of it, or less when it is being shrunk. */
export interface SeedOptions {
  readonly seed: number;
  /** Default: by seed, 100 to 102. */
  readonly events?: number | undefined;
  /** Default: by seed, 2 or 3. */
  readonly partitions?: number | undefined;
  /** The indexes of the faults that happen; default all. */
  readonly only?: readonly number[] | undefined;
  readonly kinds?: readonly FaultKind[] | undefined;
}

/**
 * What a seed's run is about: the built-in pipelines, the same with deadly events or with deadly results of windows,
 * windows that close in silence, or a hub that gets another partition.
 */
export type Scenario = "usual" | "deadly" | "deadly-results" | "silence" | "growth";

/** Which share of all seeds is about it or one before it. */
const SHARES: readonly (readonly [Scenario, number])[] = [
  ["silence", 0.08],
  ["deadly", 0.115],
  ["growth", 0.13],
  ["deadly-results", 0.14],
];

export function scenarioOf({ seed }: SeedOptions): Scenario {
  const chance = mulberry32(seed ^ 0x5ce7e)();
  const found = SHARES.find(([, share]) => chance < share);
  return found?.[0] ?? "usual";
}

/** Which pipelines a seed has: seldom all, since what they share is little and two runs of a part find more. */
export function scopeOf({ seed }: SeedOptions): Scope {
  const chance = mulberry32(seed ^ 0x5c09e)();
  return chance < 0.74 ? "straight" : chance < 0.96 ? "chain" : "all";
}

/** Promises that settle in a run, about: faults are spread over this many. */
const HORIZON: Readonly<Record<Scope, Readonly<Record<"usual" | "deadly", number>>>> = {
  straight: { usual: 200, deadly: 500 },
  chain: { usual: 440, deadly: 1_000 },
  all: { usual: 640, deadly: 2_000 },
};
const SILENCE_HORIZON = 780;
const GROWTH_HORIZON = 250;
const DEADLY_RESULTS_HORIZON = 500;

/** The faults that a seed has. */
export function faultsOf(options: SeedOptions): readonly Fault[] {
  const { seed, only } = options;
  const scenario = scenarioOf(options);
  const kinds = options.kinds ?? kindsOf(scenario, options);
  const drawn = moreSurely(scenario, kinds, drawFaults(seed, kinds, horizonOf(options)));
  return only === undefined ? drawn : drawn.filter(({ index }) => only.includes(index));
}

function horizonOf(options: SeedOptions): number {
  const scenario = scenarioOf(options);
  if (scenario === "silence") return SILENCE_HORIZON;
  if (scenario === "growth") return GROWTH_HORIZON;
  return scenario === "deadly-results" ? DEADLY_RESULTS_HORIZON : HORIZON[scopeOf(options)][scenario];
}

function kindsOf(scenario: Scenario, options: SeedOptions): readonly FaultKind[] {
  if (scenario === "silence") return silentKinds(options.seed);
  return scenario === "growth" ? GROWTH_KINDS : USUAL_KINDS;
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
  return events ?? 100 + Math.floor(mulberry32(seed ^ 0xc0de)() * 3);
}

/** How many partitions a seed's source has; `chance` is the first number of its settings. */
export function partitionsOf({ partitions }: SeedOptions, chance: number): number {
  return partitions ?? (chance < 0.9 ? 2 : 3);
}

export function silentOf(options: SeedOptions): ReturnType<typeof silentWorkload> {
  const partitions = partitionsOf(options, settingsOf(options)());
  return silentWorkload({ seed: options.seed, events: eventsOf(options), partitions });
}

/** The chance that decides a seed's settings. */
export function settingsOf({ seed }: SeedOptions): () => number {
  return mulberry32(seed ^ 0x5e77);
}
