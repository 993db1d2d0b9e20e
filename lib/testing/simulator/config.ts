import type { CheckpointLimits } from "../../checkpoint/limits.ts";
import type { Pipeline } from "../../stream/pipeline.ts";
import type { Fault } from "./faults.ts";
import type { SimContainerOptions } from "./sim-cosmos.ts";
import type { SimHubOptions } from "./sim-hub.ts";

/** A pipeline as a function of the simulated app: with the hub that triggers it. */
export interface SimFunction {
  readonly pipeline: Pipeline;
  readonly hub: string;
}

/** An event on its way into a source hub. */
export interface SimEvent {
  readonly hub: string;
  readonly partition: number;
  /** Milliseconds after the start. */
  readonly at: number;
  readonly body: Uint8Array;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly partitionKey?: string | undefined;
}

/** What one simulation runs, before chance. */
export interface SimApp {
  readonly functions: readonly SimFunction[];
  readonly hubs: readonly SimHubOptions[];
  readonly containers: readonly SimContainerOptions[];
  readonly events: readonly SimEvent[];
}

/** What a seed decides of the surroundings. */
export interface SimSettings {
  readonly seed: number;
  readonly faults: readonly Fault[];
  readonly instances: number;
  readonly limits: Partial<CheckpointLimits>;
  /** Whether the host gives a failed batch again, or goes on as if it had succeeded. */
  readonly retries: boolean;
  readonly batch: number;
  readonly onLoss: "stop" | "continue";
  readonly commitEvery: number;
  /** Milliseconds after which a batch in hand is told to give up. */
  readonly shift: number;
}

/** Settings of a seed: limits are small, so that rotation, snapshots and large frames happen all the time. */
export function drawSettings(seed: number, faults: readonly Fault[], random: () => number): SimSettings {
  const pick = <T>(...items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  return {
    seed,
    faults,
    instances: pick(2, 2, 3),
    limits: {
      segmentAppends: pick(4, 12, 5_000, 5_000),
      inlineBytes: pick(400, 3_000_000, 3_000_000),
      sliceItems: pick(4, 64, 1_024),
      attempts: pick(2, 4, 6),
    },
    retries: random() < 0.5,
    batch: pick(12, 40, 100),
    onLoss: faults.some(({ kind }) => kind === "retention-loss") ? "continue" : pick("stop", "continue"),
    commitEvery: pick(0, 0, 0, 500),
    shift: pick(2_000, 10_000, 60_000),
  };
}
