import { realWorld } from "../../../lib/azure/world.ts";
import type { BlobPort, CheckpointLog, PlanShape } from "../../../lib/checkpoint/index.ts";
import type { Frame } from "../../../lib/engine/frame.ts";
import type { World } from "../../../lib/engine/ports.ts";

/** How many keys a commit changes. */
export const CHANGED = 1_000;

export const SHAPE: PlanShape = {
  pipeline: "bench",
  stages: [{ stage: "stats", kind: "window", parameters: {} }],
};

export const startAtZero = async () => ({ position: 0, hubCreated: 0 });

const COUNTS = { in: 0, passed: 0, aggregated: 0, filtered: 0, late: 0, deadLettered: 0, duplicate: 0 };

export const world: World = realWorld;

/** A port that counts calls and keeps what the last append sent. */
export class Meter {
  calls = 0;
  appendedBytes = 0;
  /** Appends to the log itself, without those of snapshots. */
  logWrites = 0;
  /** Whether a snapshot is being built: the owner of a log reads it for nothing else. */
  building = false;
  last: Uint8Array = new Uint8Array(0);
  readonly port: BlobPort;

  constructor(port: BlobPort) {
    const counted =
      <A extends unknown[], R>(call: (...parameters: A) => Promise<R>) =>
      (...parameters: A): Promise<R> => {
        this.calls++;
        return call(...parameters);
      };
    this.port = {
      list: counted(port.list),
      createAppend: counted(port.createAppend),
      create: counted(port.create),
      read: counted((name, from, to) => {
        this.building = true;
        return port.read(name, from, to);
      }),
      size: counted(port.size),
      remove: counted(async (name) => {
        this.building = true;
        await port.remove(name);
        this.building = false;
      }),
      append: counted((name, position, bytes) => {
        if (name.includes("/log/") && position > 0) {
          this.last = bytes;
          this.appendedBytes += bytes.length;
          this.logWrites++;
        }
        return port.append(name, position, bytes);
      }),
    };
  }
}

let sequence = 0;

/** An hourly window's accumulator of one airport. */
function accumulator(key: number): unknown {
  const flights = (key * 7 + sequence) % 97;
  const delay = Math.round(Math.random() * 6_000) / 100;
  return { flights, late: flights % 11, delaySum: delay * flights, delayCount: flights, max: delay, min: -delay };
}

export function frameOf(keys: Iterable<number>): Frame {
  const entries: unknown[] = [];
  for (const key of keys) entries.push(`origin-${key}`, accumulator(key));
  sequence += CHANGED;
  const stage = { stage: "stats", ...COUNTS, in: sequence, aggregated: sequence, out: 0 };
  return {
    position: sequence,
    watermark: sequence * 1_000,
    changes: [{ store: "stats", bucket: 0, entries }],
    outbox: [],
    confirmed: 0,
    ledger: { source: { start: 0, processed: sequence, lost: 0, holes: 0, control: 0 }, stages: [stage, stage, stage] },
  };
}

export const randomKeys = (among: number): Set<number> => {
  const keys = new Set<number>();
  while (keys.size < CHANGED) keys.add(Math.floor(Math.random() * among));
  return keys;
};

export async function fill(log: CheckpointLog, keys: number): Promise<void> {
  const step = 5_000;
  for (let from = 0; from < keys; from += step) {
    await log.append(frameOf(Array.from({ length: Math.min(step, keys - from) }, (_, index) => from + index)));
  }
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

/** Milliseconds of processor time that this thread used. */
export function threadCpu(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

/** Times of one kind of call, and what processor time of this thread it took. */
export class Samples {
  readonly milliseconds: number[] = [];
  readonly cpu: number[] = [];

  async time(work: () => Promise<unknown>): Promise<void> {
    const cpu = threadCpu();
    this.milliseconds.push(await timed(work));
    this.cpu.push(threadCpu() - cpu);
  }

  clear(): void {
    this.milliseconds.length = 0;
    this.cpu.length = 0;
  }
}
