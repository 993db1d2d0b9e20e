import { createHash } from "node:crypto";
import { checkRun, type Oracle, outcomeOf } from "./checks.ts";
import { Cluster, START_TIME, taskKey } from "./cluster.ts";
import type { SimApp, SimSettings } from "./config.ts";
import type { Expectation } from "./expectation.ts";
import type { FaultKind } from "./faults.ts";
import { loadWriters } from "./file-store.ts";
import { Host } from "./host.ts";
import { withoutStacks } from "./without-stacks.ts";

/** How much a run had to do. */
export interface RunSize {
  /** Of the source with the fewest. */
  readonly partitions: number;
  /** Published into sources, without markers. */
  readonly events: number;
  /** That happened. */
  readonly faults: number;
  /** Times that a process opened a task that another process had had. */
  readonly takeOvers: number;
}

/** What a run came to. */
export interface RunResult {
  readonly size: RunSize;
  readonly violations: readonly string[];
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  readonly secondsVirtual: number;
  readonly steps: number;
  /** Tells two runs apart: everything that happened, in its order, and what was left. */
  readonly traceHash: string;
}

/** Steps after which a run is stuck in a circle. */
const MOST_STEPS = 30_000;
/** Virtual time within which everything drains once faults have stopped. */
const DRAIN_MS = 15 * 60_000;
/** Where windows close in silence it takes until that is long enough, and finding a deadly event some lost processes. */
const LONG_DRAIN_MS = 30 * 60_000;
const MOST_SWEEPS = 40;
/** By when everything has drained where the timer sweeps so seldom that this is longer. */
const SOME_SWEEPS = 6;
/** By when the first faults happen at the latest, and a task changes hands: shares of the events. */
const MOST_EVENTS = 0.6;
const NEARLY_ALL_EVENTS = 0.75;

/** What a run without faults left, and how long it took. */
export interface CleanRun {
  readonly expected: Expectation;
  readonly secondsVirtual: number;
}

/** Runs an app without faults and looks at what it left. */
export async function runCleanly(app: SimApp, settings: SimSettings, updates: boolean): Promise<CleanRun> {
  let outcome: Expectation | undefined;
  const clean = { ...settings, faults: [], instances: 1, limits: {}, commitEvery: 0 };
  const look: Oracle = async (cluster) => {
    outcome = await outcomeOf(cluster, updates);
    return outcome;
  };
  const { violations, secondsVirtual } = await runApp(app, clean, look);
  if (outcome !== undefined && violations.length === 0) return { expected: outcome, secondsVirtual };
  throw new Error(`The pipeline fails without any fault: ${violations.join("; ")}`);
}

/** Runs an app under faults until it has come to rest, lets it drain, and checks what it left. */
export async function runApp(app: SimApp, settings: SimSettings, oracle: Oracle): Promise<RunResult> {
  await loadWriters(app);
  return withoutStacks(() => runLoaded(app, settings, oracle));
}

async function runLoaded(app: SimApp, settings: SimSettings, oracle: Oracle): Promise<RunResult> {
  const cluster = new Cluster(app, settings);
  const { scheduler, watch, faults } = cluster;
  const { grows } = app;
  if (grows !== undefined) {
    scheduler.after(grows.at, () => {
      cluster.hub(grows.hub).grow(grows.partitions);
      cluster.begunBeforeGrowth = cluster.committed.size > 0;
      faults.happened({ kind: "partitions-added" });
      scheduler.after(scheduler.between(1, 20_000), () => host.discover());
    });
  }
  for (const { hub, partition, at, body, properties = {}, partitionKey } of app.events) {
    scheduler.after(at, () => cluster.hub(hub).publish(partition, { body, properties, partitionKey }));
  }
  for (const { hub, partition, at, numbers } of app.holes ?? []) {
    scheduler.after(at, () => {
      cluster.hub(hub).leaveOut(partition, numbers);
      faults.happened({ kind: "numbers-left-out" });
    });
  }
  const host = new Host(cluster);
  scheduler.after(timeOf(app, MOST_EVENTS), () => faults.hurry());
  scheduler.after(timeOf(app, NEARLY_ALL_EVENTS), () => host.resort());
  try {
    if (!(await scheduler.run(MOST_STEPS))) watch.violate("does not come to rest");
    const messagesOnly = settings.waking !== undefined && settings.waking.sweepEvery === undefined;
    // That a delivery was confirmed is for the next owner or a sweep.
    if (messagesOnly && !(await isDone(cluster, Number.POSITIVE_INFINITY)))
      watch.violate("something is due, and no message is under way");
    host.calm();
    if (app.check === undefined) {
      await drain(cluster, host);
      await checkRun(cluster, oracle);
    } else {
      host.sweep();
      if (!(await scheduler.run(MOST_STEPS))) watch.violate("does not come to rest after the faults");
      await app.check(cluster);
    }
  } catch (thrown) {
    watch.violate(`the simulation broke: ${thrown instanceof Error ? thrown.stack : thrown}`);
  }
  return {
    size: sizeOf(cluster),
    violations: watch.violations,
    faults: faults.counts,
    secondsVirtual: (scheduler.now - START_TIME) / 1_000,
    steps: scheduler.steps,
    // Seldom looked at, and a tenth of a run's work.
    get traceHash() {
      return `${scheduler.traceHash}${digest(cluster)}`;
    },
  };
}

/** When a share of all events has been published, milliseconds after the start. */
function timeOf({ events }: SimApp, share: number): number {
  return events[Math.floor(share * events.length)]?.at ?? 0;
}

function sizeOf(cluster: Cluster): RunSize {
  const { app, faults, takeOvers } = cluster;
  const sources = new Set(app.events.map((event) => event.hub));
  return {
    partitions: Math.min(...[...sources].map((name) => cluster.hub(name).partitions)),
    events: app.events.filter(({ body }) => body.length > 0).length,
    faults: Object.values(faults.counts).reduce((sum, count) => sum + count, 0),
    takeOvers,
  };
}

async function drain(cluster: Cluster, host: Host): Promise<void> {
  const { scheduler, watch } = cluster;
  await scheduler.run(MOST_STEPS);
  const began = scheduler.now;
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    if (watch.violations.length > 0 || (await isDone(cluster))) break;
    host.sweep();
    if (!(await scheduler.run(MOST_STEPS))) return watch.violate("does not come to rest after the faults");
  }
  const { endless, deathOf } = cluster.app;
  const some = SOME_SWEEPS * (cluster.settings.waking?.sweepEvery ?? 0);
  const most = Math.max(endless || deathOf ? LONG_DRAIN_MS : DRAIN_MS, some);
  if (scheduler.now - began > most) watch.violate(`took ${(scheduler.now - began) / 1_000} s to drain`);
}

async function isDone(cluster: Cluster, pending = 0): Promise<boolean> {
  for (const { fn, partition } of cluster.places) {
    const status = await cluster.status(fn, partition).catch((error: unknown) => {
      cluster.watch.violate(`the log of ${taskKey(fn, partition)} cannot be read: ${error}`);
      return undefined;
    });
    if (status === undefined || status.pendingFrames > pending) return false;
    if (status.position !== cluster.hub(fn.hub).next(partition) || status.idleDue !== undefined) return false;
  }
  return true;
}

function digest(cluster: Cluster): string {
  const hash = createHash("sha256");
  for (const container of cluster.containers)
    for (const document of container.documents) hash.update(JSON.stringify(document));
  for (const { blobs } of [cluster.side, ...Object.values(cluster.files.containers)])
    for (const [name, content] of blobs) hash.update(name).update(content);
  return hash.digest("hex").slice(0, 16);
}
