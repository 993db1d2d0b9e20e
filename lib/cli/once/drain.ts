import { setTimeout as sleep } from "node:timers/promises";
import type { LogStatus } from "../../checkpoint/checkpoint-log.ts";
import type { CheckpointStore } from "../../checkpoint/index.ts";
import { END_OF_TIME } from "../../engine/frame.ts";
import { TidemarkError } from "../../errors.ts";
import type { FunctionsHost } from "../../local/host/index.ts";
import type { HubEnds } from "../hub-ends.ts";
import { PIPELINES } from "../pipelines.ts";
import { statusOf } from "../task-logs.ts";

const POLL_MS = 100;
/** So long without any progress, and something is wrong. */
const STUCK_MS = 60_000;

/** What is asked of a host, or of several that share the partitions. */
export type HostStatus = Pick<FunctionsHost, "status">;

export interface DrainOptions {
  readonly host: HostStatus;
  readonly hubs: HubEnds;
  readonly logs: CheckpointStore;
  /** Tasks, "pipeline/partition", whose last invocation succeeded. */
  readonly settled: ReadonlySet<string>;
  /** A number that changes whenever anything gets done. */
  readonly progress: () => number;
  /** Why it makes no sense to wait any longer, if so. */
  readonly failure: () => string | undefined;
}

const TASKS = new Set<string>(PIPELINES.map(({ name }) => name));

/** The end state of every task, by pipeline. */
export type Drained = Readonly<Record<string, readonly LogStatus[]>>;

/**
 * Waits until every task has committed all that its hub holds, reached the end of time, and delivered everything. Asks
 * the host first, which costs nothing, and the logs only when the host has no more to do. Throws UNAVAILABLE when nothing
 * moves any more.
 */
export async function drained(options: DrainOptions): Promise<Drained> {
  let progress = options.progress();
  let since = performance.now();
  for (;;) {
    const failure = options.failure();
    if (failure !== undefined) throw new TidemarkError("UNAVAILABLE", failure);
    // Asking the hubs costs time that the host could use; while a task is at work, the answer is known.
    const running = options.host.status().some((row) => row.running > 0 && TASKS.has(row.functionName));
    const ends = running ? undefined : await endsOf(options.hubs);
    if (ends !== undefined && hostIsIdle(options.host, ends)) {
      const states = await readLogs(options.logs, ends);
      if (isDone(states, ends, options.settled)) return states as Drained;
    }
    if (options.progress() !== progress) {
      progress = options.progress();
      since = performance.now();
    } else if (performance.now() - since > STUCK_MS) {
      throw new TidemarkError("UNAVAILABLE", await describeStuck(options, ends ?? (await endsOf(options.hubs))));
    }
    await sleep(POLL_MS);
  }
}

type Ends = ReadonlyMap<string, readonly number[]>;

async function endsOf(hubs: HubEnds): Promise<Ends> {
  const names = [...new Set(PIPELINES.map(({ hub }) => hub))];
  return new Map(await Promise.all(names.map(async (name) => [name, await hubs.next(name)] as const)));
}

function hostIsIdle(host: HostStatus, ends: Ends): boolean {
  const rows = host.status();
  return PIPELINES.every(({ name, hub }) =>
    (ends.get(hub) ?? []).every((next, partition) => {
      const row = rows.find((one) => one.functionName === name && one.partition === String(partition));
      return next === 0 || (row?.running === 0 && row.checkpointedSequence === next - 1);
    }),
  );
}

async function readLogs(logs: CheckpointStore, ends: Ends): Promise<Record<string, (LogStatus | undefined)[]>> {
  const states = await Promise.all(
    PIPELINES.map(async ({ name, hub }) => [name, await statusOf(logs, name, ends.get(hub)?.length ?? 0)] as const),
  );
  return Object.fromEntries(states);
}

function isDone(
  states: Readonly<Record<string, readonly (LogStatus | undefined)[]>>,
  ends: Ends,
  settled: ReadonlySet<string>,
): boolean {
  return PIPELINES.every(({ name, hub }) =>
    (states[name] ?? []).every((status, partition) => {
      if (status === undefined || status.watermark !== END_OF_TIME) return false;
      if (status.position !== ends.get(hub)?.[partition]) return false;
      // The last frame's delivery is not in the log yet: the frame after it would say so.
      return status.pendingFrames === 0 || settled.has(`${name}/${partition}`);
    }),
  );
}

async function describeStuck({ logs }: DrainOptions, ends: Ends): Promise<string> {
  const states = await readLogs(logs, ends);
  const waiting = PIPELINES.flatMap(({ name, hub }) =>
    (states[name] ?? []).flatMap((status, partition) => {
      const next = ends.get(hub)?.[partition] ?? 0;
      if (status === undefined) return next === 0 ? [] : [`${name}/${partition} has not begun`];
      const behind = next - status.position;
      if (behind > 0) return [`${name}/${partition} is ${behind} events behind`];
      if (status.watermark !== END_OF_TIME) return [`${name}/${partition} has windows open`];
      return status.pendingFrames > 0 ? [`${name}/${partition} has ${status.pendingFrames} frames to deliver`] : [];
    }),
  );
  return `Nothing has moved for ${STUCK_MS / 1000} seconds: ${waiting.join(", ") || "the host reports no progress"}.`;
}
