import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { ContainerClient } from "@azure/storage-blob";
import { azureBlobs } from "../../../lib/checkpoint/azure-blobs.ts";
import { createCheckpointStore } from "../../../lib/checkpoint/index.ts";
import { percentile, rounded } from "../rows.ts";
import { fill, frameOf, Meter, randomKeys, SHAPE, startAtZero, threadCpu, timed, world } from "./support.ts";

const SNAPSHOTS = 6;
const PAUSE_MS = 5;

/**
 * Commits of one log with the usual limits, while snapshots of all keys are built beside it again and again: those that
 * met one, and those that did not.
 */
export async function measureSnapshots(container: ContainerClient, keys: number) {
  const task = { pipeline: "bench", partition: `snapshot-${keys}` };
  const meter = new Meter(azureBlobs(container));
  const store = createCheckpointStore({ blobs: meter.port, world });
  const log = await store.open(task, SHAPE, startAtZero);
  await fill(log, keys);
  meter.building = false;
  const [met, others] = [new Phase(), new Phase()];
  const turns = new LoopTurns();
  const deadline = performance.now() + 60_000;
  let [snapshots, before] = [0, meter.building];
  while (snapshots < SNAPSHOTS && performance.now() < deadline) {
    const frame = frameOf(randomKeys(keys));
    turns.building = meter.building;
    const milliseconds = await timed(() => log.append(frame));
    (before || meter.building ? met : others).samples.push(milliseconds);
    if (before && !meter.building) snapshots++;
    before = meter.building;
    await sleep(PAUSE_MS);
  }
  const loop = turns.stop();
  await log.close();
  const [withSnapshot, withoutSnapshot] = [met.report(), others.report()];
  // The longest of many is longer than the longest of few: as many of each are compared.
  const equal = Math.min(met.samples.length, others.samples.length);
  const delay = Math.max(...met.samples.slice(-equal)) - Math.max(...others.samples.slice(-equal));
  return { keys, snapshots, withSnapshot, withoutSnapshot, delayMs: rounded(Math.max(0, delay)), ...loop };
}

class Phase {
  readonly samples: number[] = [];

  report() {
    const [p50, p99] = [0.5, 0.99].map((share) => rounded(percentile(this.samples, share)));
    return { commits: this.samples.length, p50, p99, max: rounded(Math.max(...this.samples)) };
  }
}

/**
 * How long the turns of the event loop are, as time and as processor time of this thread: a busy machine stretches the
 * first, only our own work the second.
 */
class LoopTurns {
  readonly #delay = monitorEventLoopDelay({ resolution: 1 });
  readonly #cpu: number[] = [];
  #last = threadCpu();
  #running = true;
  /** Whether turns count: a snapshot is being built. */
  building = false;

  constructor() {
    this.#delay.enable();
    this.#turn();
  }

  stop() {
    this.#running = false;
    this.#delay.disable();
    return {
      loopDelayMax: rounded(this.#delay.max / 1e6),
      turnCpuMax: rounded(Math.max(...this.#cpu)),
      turnCpuP99: rounded(percentile(this.#cpu, 0.99)),
    };
  }

  #turn(): void {
    const now = threadCpu();
    // Idle turns would drown the others.
    if (this.building && now - this.#last > 0.2) this.#cpu.push(now - this.#last);
    this.#last = now;
    if (this.#running) setTimeout(() => this.#turn(), 0);
  }
}
