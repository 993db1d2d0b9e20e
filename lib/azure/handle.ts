import { app, type EventHubFunctionOptions, type InvocationContext, type RetryOptions } from "@azure/functions";
import type { StartPosition } from "../engine/start.ts";
import { TidemarkError } from "../errors.ts";
import { type Duration, milliseconds } from "../stream/duration.ts";
import type { Pipeline } from "../stream/pipeline.ts";
import { tablesOf } from "../stream/plan.ts";
import { callerOf } from "./caller.ts";
import { checkedLimits, type HandleLimits } from "./checkpoint-limits.ts";
import { registerFunction } from "./registry.ts";
import { runtime } from "./runtime.ts";
import { drainOnSignal } from "./shutdown.ts";

export interface HandleOptions {
  /** The setting, or prefix of settings, that says how to reach the hub. Default "EventHubConnection". */
  readonly connection?: string;
  readonly eventHubName: string;
  /** How many partitions the hub has. Default 4. */
  readonly partitions?: number;
  /** Default: the pipeline's name. No other function may read the hub in the same group. */
  readonly consumerGroup?: string;
  /** Where the pipeline begins on a partition that it has never read. Default "earliest". */
  readonly from?: StartPosition;
  /** What to do when the hub's retention has removed events before they were processed. Default "stop". */
  readonly onLoss?: "stop" | "continue";
  /** Setting of the storage account for checkpoints, dead letters and late events. Default "TidemarkStorage". */
  readonly storage?: string;
  /**
   * How long processed events may wait for their commit, to save storage writes; nothing leaves before it. Default 0:
   * every batch commits. What a crash loses is read from the hub again, at the latest by the sweep.
   */
  readonly commit?: { readonly every: Duration };
  /** Bounds of the checkpoint log, for a task that met one: LIMIT_EXCEEDED names it. */
  readonly limits?: HandleLimits;
  /** How the host repeats a batch that failed. Default: for ever, after 1 to 5 seconds. */
  readonly retry?: RetryOptions;
}

/**
 * A bad event becomes a dead letter and never fails its batch. What does fail one is a service that is away: holding
 * the partition back until it has returned is right, and going on would only make a gap to be repaired. The host waits
 * out a delay that has begun, whatever returns meanwhile: a longer one would stand still for no reason.
 */
const RETRY_FOR_EVER: RetryOptions = {
  strategy: "exponentialBackoff",
  maxRetryCount: -1,
  minimumInterval: { seconds: 1 },
  maximumInterval: { seconds: 5 },
};

/** How long a shutdown waits for batches in hand; the host gives a worker about ten seconds. */
const DRAIN_MS = 8_000;

/**
 * Makes a pipeline an Azure Function; throws PLAN_INVALID when it conflicts with another function of the app.
 * @example
 * app.eventHub("delays", handle(delays, { connection: "EventHubConnection", eventHubName: "flights" }));
 */
export function handle(pipeline: Pipeline, options: HandleOptions): EventHubFunctionOptions {
  const { connection = "EventHubConnection", eventHubName, partitions = 4, retry = RETRY_FOR_EVER } = options;
  const { consumerGroup = pipeline.name, storage = "TidemarkStorage", from = "earliest", onLoss = "stop" } = options;
  const commitEvery = milliseconds(options.commit?.every ?? 0, "commit.every");
  const { plan } = pipeline;
  const description = {
    name: pipeline.name,
    pipeline: pipeline.name,
    connection,
    hub: eventHubName,
    partitions,
    consumerGroup,
    repairGroup: `${consumerGroup}-repair`,
    sinks: plan.sinks.map((sink) => sink.target),
    tables: tablesOf(plan).map((table) => ({ name: table.name, target: table.from.target })),
    storageConnection: storage,
    place: `handle(${pipeline.name}, …) at ${callerOf(handle)}`,
  };
  checkOptions(options, description);
  const limits = checkedLimits(options.limits ?? {}, description.place);
  registerFunction(description);
  const runnable = { pipeline, description, from, onLoss, commitEvery, limits };
  runtime.add(runnable);
  drainAtTheEnd();
  const trigger = {
    connection,
    eventHubName,
    consumerGroup,
    cardinality: "many" as const,
    // Missing in the typed options, though the trigger knows it: only as binary do bodies arrive unharmed.
    dataType: "binary",
    retry,
    handler: (payload: unknown, context: InvocationContext) => {
      watchSignal();
      return runtime.handle(runnable, payload, context);
    },
  };
  return trigger;
}

function checkOptions(
  { eventHubName, partitions = 4 }: HandleOptions,
  { repairGroup, place }: { repairGroup: string; place: string },
) {
  if (!/^[a-z0-9]([a-z0-9._-]{0,254}[a-z0-9])?$/i.test(eventHubName)) {
    throw new TidemarkError("PLAN_INVALID", `eventHubName of ${place} is ${JSON.stringify(eventHubName)}.`, {
      fix: "Name the hub: letters, digits, dots, hyphens and underscores.",
    });
  }
  if (!Number.isInteger(partitions) || partitions < 1) {
    throw new TidemarkError("PLAN_INVALID", `partitions of ${place} is ${partitions}.`, {
      fix: "Say how many partitions the hub has.",
    });
  }
  if (!/^[a-z0-9][a-z0-9._-]{0,48}[a-z0-9]$/i.test(repairGroup)) {
    throw new TidemarkError("PLAN_INVALID", `"${repairGroup}" of ${place} cannot name a consumer group.`, {
      fix: "Give a consumerGroup of at most 43 letters, digits, dots, hyphens and underscores.",
    });
  }
}

const drainAtTheEnd = once(() => app.hook.appTerminate(() => runtime.drain(DRAIN_MS)));

/** Not before the first batch: commands that only load the app keep their own ways to end. */
const watchSignal = once(() => drainOnSignal(() => runtime.drain(DRAIN_MS)));

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (!done) action();
    done = true;
  };
}
