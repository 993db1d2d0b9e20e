import type { CheckpointLimits } from "../../checkpoint/limits.ts";
import type { CommitMetrics } from "../../engine/meter.ts";
import type { Pipeline } from "../../stream/pipeline.ts";
import type { Cluster } from "./cluster.ts";
import type { Death } from "./deadly.ts";
import type { Fault } from "./faults.ts";
import type { Cells } from "./file-rows.ts";
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

/** Numbers of a source's partition that no event gets. */
export interface SimHoles {
  readonly hub: string;
  readonly partition: number;
  /** Milliseconds after the start. */
  readonly at: number;
  readonly numbers: number;
}

/**
 * What a row is about, of which only the last row in a folder counts; undefined: the row counts by itself. `text` is
 * the row as `rowText` writes it.
 */
export type KeyOf = (row: Cells, text: string) => string | undefined;

/** What one simulation runs, before chance. */
export interface SimApp {
  readonly functions: readonly SimFunction[];
  readonly hubs: readonly SimHubOptions[];
  readonly containers: readonly SimContainerOptions[];
  readonly events: readonly SimEvent[];
  readonly holes?: readonly SimHoles[];
  /** No marker ends the events: what is left closes in silence. */
  readonly endless?: boolean;
  /** A hub that gets more partitions, milliseconds after the start. */
  readonly grows?: { readonly hub: string; readonly at: number; readonly partitions: number };
  /** What is looked at in the end, instead of results; for apps that must stop. */
  readonly check?: (cluster: Cluster) => Promise<void>;
  /** How a decoded event ends the process that runs its code. */
  readonly deathOf?: (value: unknown) => Death | undefined;
  /** By the name of a sink of files that has a key. */
  readonly rowKeys?: Readonly<Record<string, KeyOf>>;
  /** Looks at every frame when its owner learns that it is in the log. */
  readonly onFrame?: (cluster: Cluster, metrics: CommitMetrics) => void;
}

/** Hears what happens in a run, in words; the time is virtual, milliseconds since the epoch. */
export type Tell = (time: number, what: string) => void;

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
  /** How far a clock may be off at most, milliseconds. */
  readonly skew: number;
  /** Whether the clocks of processes differ from their start; default: they differ when a fault says so. */
  readonly skewed?: boolean;
  /** Undefined: nothing wakes tasks by itself, and the end of a run sweeps by hand. */
  readonly waking?: Waking | undefined;
  /** Who wants to know what happens; it changes nothing. */
  readonly tell?: Tell | undefined;
}

/** What wakes tasks although no event comes. */
export interface Waking {
  /** Milliseconds between two sweeps of the timer; undefined: messages have to do. */
  readonly sweepEvery: number | undefined;
  /** Milliseconds after the start until which the timer runs for sure. */
  readonly until: number;
  /** Milliseconds after the start at which all instances go, once their work is done; undefined: they stay. */
  readonly scaleInAt: number | undefined;
}

/** Settings of a seed: limits are small, so that rotation, snapshots and large frames happen all the time. */
export function drawSettings(seed: number, faults: readonly Fault[], random: () => number): SimSettings {
  const pick = <T>(...items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  return {
    seed,
    faults,
    instances: pick(2, 2, 3),
    limits: {
      segmentAppends: pick(4, 12, 5_000, 5_000, 5_000, 5_000),
      inlineBytes: pick(400, 3_000_000, 3_000_000),
      sliceItems: pick(4, 64, 1_024),
      attempts: pick(2, 4, 6),
    },
    retries: random() < 0.5,
    batch: pick(16, 50, 120),
    onLoss: faults.some(({ kind }) => kind === "retention-loss") ? "continue" : pick("stop", "continue"),
    commitEvery: pick(0, 0, 0, 500),
    shift: pick(2_000, 10_000, 60_000),
    skew: 300_000,
  };
}
