/**
 * The checkpoint log on Azurite: what a commit costs beside a bare append of the same bytes, how long recovery takes,
 * and what a snapshot does to the event loop. Prints one JSON object.
 *
 *   node test/bench/checkpoint.ts [--keys 100000] [--large 1000000] [--commits 400] [--json]
 */
import { randomBytes } from "node:crypto";
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { BlobServiceClient, type ContainerClient } from "@azure/storage-blob";
import { azureBlobs, CHECKPOINT_CLIENT_OPTIONS } from "../../lib/checkpoint/azure-blobs.ts";
import {
  type BlobPort,
  type CheckpointLimits,
  type CheckpointLog,
  createCheckpointStore,
  type PlanShape,
} from "../../lib/checkpoint/index.ts";
import type { Frame } from "../../lib/engine/frame.ts";
import type { World } from "../../lib/engine/ports.ts";
import { startStorage } from "../../lib/local/storage/index.ts";

const { values } = parseArgs({
  options: {
    keys: { type: "string", default: "100000" },
    large: { type: "string", default: "1000000" },
    commits: { type: "string", default: "400" },
    json: { type: "boolean", default: false },
  },
});

const CHANGED = 1_000;
const SHAPE: PlanShape = { pipeline: "bench", stages: [{ stage: "stats", kind: "window", parameters: {} }] };
const COUNTS = { in: 0, passed: 0, aggregated: 0, filtered: 0, late: 0, deadLettered: 0, duplicate: 0, expired: 0 };

const world: World = {
  now: () => Date.now(),
  sleep: async (milliseconds, signal) => {
    await sleep(milliseconds, undefined, signal && { signal });
  },
  nonce: () => randomBytes(16),
  random: () => Math.random(),
};

/** A port that counts calls and keeps what the last append sent. */
class Meter {
  calls = 0;
  appendedBytes = 0;
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
      read: counted(port.read),
      size: counted(port.size),
      remove: counted(port.remove),
      append: counted((name, position, bytes) => {
        if (name.includes("/log/")) {
          this.last = bytes;
          this.appendedBytes += bytes.length;
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

function frameOf(keys: Iterable<number>): Frame {
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

const randomKeys = (among: number): Set<number> => {
  const keys = new Set<number>();
  while (keys.size < CHANGED) keys.add(Math.floor(Math.random() * among));
  return keys;
};

async function fill(log: CheckpointLog, keys: number): Promise<void> {
  const step = 5_000;
  for (let from = 0; from < keys; from += step) {
    await log.append(frameOf(Array.from({ length: Math.min(step, keys - from) }, (_, index) => from + index)));
  }
}

const percentile = (samples: readonly number[], share: number): number =>
  samples.toSorted((a, b) => a - b)[Math.min(samples.length - 1, Math.floor(samples.length * share))] ?? Number.NaN;

const rounded = (number: number, digits = 2): number => Number(number.toFixed(digits));

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

/** Commits and bare appends of the same bytes, in turns. */
async function commits(container: ContainerClient, keys: number, count: number) {
  const meter = new Meter(azureBlobs(container));
  const store = createCheckpointStore({ blobs: meter.port, world });
  const log = await store.open({ pipeline: "bench", partition: "commits" }, SHAPE, startAtZero);
  await fill(log, keys);
  const bare = container.getAppendBlobClient("bare");
  await bare.create();
  const commit: number[] = [];
  const append: number[] = [];
  const cpu: number[] = [];
  const [calls, bytes] = [meter.calls, meter.appendedBytes];
  for (let i = 0; i < count; i++) {
    const frame = frameOf(randomKeys(keys));
    const begun = threadCpu();
    commit.push(await timed(() => log.append(frame)));
    const middle = threadCpu();
    const sent = Buffer.from(meter.last);
    append.push(await timed(() => bare.appendBlock(sent, sent.length)));
    cpu.push(middle - begun - (threadCpu() - middle));
  }
  const steady = { calls: meter.calls - calls, bytes: meter.appendedBytes - bytes };
  await log.close();
  return {
    kibPerCommit: rounded(steady.bytes / count / 1024),
    transactionsPerCommit: rounded(steady.calls / count, 3),
    commitP50: rounded(percentile(commit, 0.5)),
    commitP99: rounded(percentile(commit, 0.99)),
    bareP50: rounded(percentile(append, 0.5)),
    bareP99: rounded(percentile(append, 0.99)),
    moreCpuP50: rounded(percentile(cpu, 0.5)),
    ratioP50: rounded(percentile(commit, 0.5) / percentile(append, 0.5)),
  };
}

const startAtZero = async () => ({ position: 0, hubCreated: 0 });

/** Opens a log of so many keys: from a snapshot and from a tail of commits behind it. */
async function recovery(container: ContainerClient, keys: number) {
  const task = { pipeline: "bench", partition: `recovery-${keys}` };
  const store = createCheckpointStore({ blobs: azureBlobs(container), world });
  const log = await store.open(task, SHAPE, startAtZero);
  await fill(log, keys);
  // Until the snapshot of all of it is referenced, and as long a tail as half of what a rotation allows.
  for (let i = 0; i < 60; i++) {
    await log.append(frameOf(randomKeys(keys)));
    await sleep(keys / 5_000);
  }
  await log.close();
  const meter = new Meter(azureBlobs(container));
  const reopened = createCheckpointStore({ blobs: meter.port, world });
  const samples: number[] = [];
  const cpu: number[] = [];
  let size = 0;
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.();
    let opened: CheckpointLog | undefined;
    const begun = threadCpu();
    samples.push(
      await timed(async () => {
        opened = await reopened.open(task, SHAPE, startAtZero);
      }),
    );
    cpu.push(threadCpu() - begun);
    size = opened?.recovered.state.get("stats")?.get(0)?.size ?? 0;
    await opened?.close();
  }
  if (size !== keys) throw new Error(`Recovered ${size} keys of ${keys}.`);
  const seconds = samples.map((sample) => rounded(sample / 1_000, 3));
  const cpuSeconds = cpu.map((one) => rounded(one / 1_000, 3));
  return {
    keys,
    seconds,
    cpuSeconds,
    bareMapSeconds: bareMap(keys),
    callsPerOpening: rounded(meter.calls / samples.length),
  };
}

/** What filling a Map with so many keys takes alone: no recovery can be faster. */
function bareMap(keys: number): number {
  const names = Array.from({ length: keys }, (_, key) => Buffer.from(`origin-${key}`).toString("latin1"));
  const from = performance.now();
  const map = new Map<string, unknown>();
  for (const name of names) map.set(name, { flights: 1 });
  return rounded((performance.now() - from) / 1_000, 3);
}

/** Commits while a snapshot of all keys is being built, and the event loop's delay meanwhile. */
async function snapshots(container: ContainerClient, keys: number) {
  const task = { pipeline: "bench", partition: `snapshot-${keys}` };
  const quiet: Partial<CheckpointLimits> = { tailBytes: 1024 ** 3, segmentBytes: 1024 ** 3 };
  const store = createCheckpointStore({ blobs: azureBlobs(container), world, limits: quiet });
  const before = await store.open(task, SHAPE, startAtZero);
  await fill(before, keys);
  const calm = await during(before, keys, 1_500, false);
  await before.close();
  // Opening with a smaller limit rotates at once and compacts all that was written.
  const eager = createCheckpointStore({ blobs: azureBlobs(container), world, limits: { tailBytes: 1024 ** 2 } });
  const log = await eager.open(task, SHAPE, startAtZero);
  const busy = await during(log, keys, 1_500, true);
  const idle = await during(undefined, keys, 1_000, false);
  await log.close();
  return { keys, withoutSnapshot: calm, snapshotAlone: idle, withSnapshot: busy };
}

async function during(log: CheckpointLog | undefined, keys: number, milliseconds: number, spaced: boolean) {
  const turns = new LoopTurns();
  const samples: number[] = [];
  const end = performance.now() + milliseconds;
  while (performance.now() < end) {
    const frame = log && frameOf(randomKeys(keys));
    if (log && frame) samples.push(await timed(() => log.append(frame)));
    else await sleep(10);
    if (spaced) await sleep(5);
  }
  return {
    ...turns.stop(),
    ...(log && { commitP50: rounded(percentile(samples, 0.5)), commitMax: rounded(Math.max(...samples)) }),
  };
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
    if (now - this.#last > 0.2) this.#cpu.push(now - this.#last);
    this.#last = now;
    if (this.#running) setTimeout(() => this.#turn(), 0);
  }
}

/** Milliseconds of processor time that this thread used. */
function threadCpu(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

const storage = await startStorage({ blobPort: 0, queuePort: 0, tablePort: 0 });
try {
  const service = BlobServiceClient.fromConnectionString(storage.connectionString, CHECKPOINT_CLIENT_OPTIONS);
  const container = service.getContainerClient("bench");
  await container.create();
  const [keys, large] = [Number(values.keys), Number(values.large)];
  const result = {
    benchmark: "checkpoint",
    milliseconds: await commits(container, keys, Number(values.commits)),
    recovery: [await recovery(container, keys), ...(large > 0 ? [await recovery(container, large)] : [])],
    snapshot: await snapshots(container, keys),
  };
  console.log(JSON.stringify(result, undefined, values.json ? undefined : 2));
} finally {
  await storage.stop();
}
