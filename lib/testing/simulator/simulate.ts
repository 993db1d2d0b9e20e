import type { Sink } from "../../engine/sink.ts";
import { TidemarkError } from "../../errors.ts";
import type { Pipeline } from "../../stream/pipeline.ts";
import type { Plan } from "../../stream/plan.ts";
import { type Captured, captureSink } from "../capture-sink.ts";
import { withTables } from "../memory-tables.ts";
import { mulberry32 } from "../virtual-world.ts";
import { drawSettings, type KeyOf, type SimApp, type SimSettings } from "./config.ts";
import { drawFaults, type FaultKind, USUAL_KINDS } from "./faults.ts";
import { publish } from "./publishing.ts";
import { type RunResult, runApp, runCleanly } from "./run.ts";
import { drawWaking, KINDS_IN_SILENCE, MESSAGES_ONLY } from "./user-waking.ts";
import { watchFiles } from "./watch-files.ts";

export interface SimulateOptions {
  /** Decides everything that is chance: the same seed is the same run. */
  readonly seed: number;
  /** In order of publishing; an object is sent as JSON, bytes and texts as they are. */
  readonly events: readonly unknown[];
  /** Partitions of the source hub; default 2. */
  readonly partitions?: number;
  /** The key an event is published with, which decides its partition; without it, partitions take turns. */
  readonly partitionKey?: (event: never) => string;
  /**
   * What may go wrong; default everything but events lost to retention. Where event time has `idle`, clocks are right,
   * no log is reset and nothing is lost to retention, whatever this says.
   */
  readonly faults?: readonly FaultKind[];
  /** Rows of the tables that the pipeline joins, by table name. */
  readonly tables?: Readonly<Record<string, readonly unknown[]>>;
}

const SOURCE = "source";
const HORIZON = 300;
const MAX_MESSAGE_BYTES = 1024 * 1024;

/**
 * Runs a pipeline on several simulated instances while processes crash and sleep, hosts lie and services fail, and
 * compares what comes of it with a run without faults. What differs, and what else must not be, is in `violations`.
 * The sinks of the library run as they are, over simulated services: of files, the rows that count are compared
 * (docs/files.md), of a window's versions the last. A sink of your own is replaced by one that keeps what it is given.
 *
 * Where event time has `idle`, windows close in silence: owners, messages and sweeps wake the tasks, also when all
 * instances have gone. Events are published so that no silence can make one late: otherwise, which ones it does depends
 * on who looked when, and is no error.
 * Throws UNSUPPORTED for a pipeline that takes its watermark from upstream tasks.
 * @example
 * const { violations } = await simulate(delays, { seed: 7, events: [flight], tables: { airports: [] } });
 * assert.deepEqual(violations, []);
 */
export async function simulate(pipeline: Pipeline, options: SimulateOptions): Promise<RunResult> {
  if (pipeline.plan.source.time?.watermark.kind === "upstream") {
    throw new TidemarkError(
      "UNSUPPORTED",
      "A pipeline that takes its watermark from upstream tasks has no source here.",
      {
        pipeline: pipeline.name,
        fix: "Simulate the pipeline that writes its hub; how the two work together is what `npm run sim` checks.",
      },
    );
  }
  const updates = pipeline.plan.stages.some(({ kind }) => kind === "aggregate");
  const [clean, faulty] = [appOf(pipeline, options), appOf(pipeline, options)];
  const settings = settingsOf(options, faulty.app);
  const waking = faulty.app.endless ? MESSAGES_ONLY : undefined;
  const { expected, secondsVirtual } = await runCleanly(clean.app, { ...settings, waking }, updates);
  const woken = waking && drawWaking(options.seed, faulty.app, secondsVirtual);
  const result = await runApp(faulty.app, { ...settings, waking: woken }, () => expected);
  const differing = clean.captured.filter(
    ({ values }, i) => !sameValues(values, faulty.captured[i]?.values ?? [], updates),
  );
  const violations = differing.map(({ sink }) => `sink "${sink.name}" received other values than without faults`);
  return { ...result, violations: [...result.violations, ...violations] };
}

function settingsOf({ seed, faults }: SimulateOptions, { endless }: SimApp): SimSettings {
  const usual = endless ? KINDS_IN_SILENCE : USUAL_KINDS.filter((kind) => kind !== "retention-loss");
  const kinds = (faults ?? usual).filter((kind) => !endless || KINDS_IN_SILENCE.includes(kind));
  return drawSettings(seed, drawFaults(seed, kinds, HORIZON), mulberry32(seed ^ 0x5e77));
}

/** Real sinks for what the simulation has a service for; others, a user's own, keep what they are given. */
function appOf(pipeline: Pipeline, options: SimulateOptions): { app: SimApp; captured: readonly Captured<unknown>[] } {
  const { seed, events, partitions = 2, partitionKey, tables = {} } = options;
  const { source } = pipeline.plan;
  const captured: Captured<unknown>[] = [];
  const rowKeys: Record<string, KeyOf> = {};
  const sinks = (pipeline.plan.sinks as readonly Sink<unknown>[]).map((sink) => {
    if (sink.target.kind === "cosmos" || sink.target.kind === "eventHub") return sink;
    if (sink.kind === "files") {
      const watched = watchFiles(sink);
      rowKeys[sink.name] = watched.keyOf;
      return watched.sink;
    }
    const replaced = captureSink<unknown>(sink.name, sink.target);
    captured.push(replaced);
    return replaced.sink;
  });
  const stages = pipeline.plan.stages.map((stage) => withTables(stage, tables));
  const plan = { ...pipeline.plan, stages, sinks } as Plan;
  const targets = sinks.map(({ target }) => target);
  const hubs = targets.flatMap((target) =>
    target.kind === "eventHub"
      ? [{ name: target.eventHub, partitions: target.partitions, maxBytes: MAX_MESSAGE_BYTES }]
      : [],
  );
  const containers = targets.flatMap((target) =>
    target.kind === "cosmos"
      ? [{ database: target.database, container: target.container, partitionKey: target.partitionKey }]
      : [],
  );
  const app: SimApp = {
    functions: [{ pipeline: { name: pipeline.name, plan }, hub: SOURCE }],
    hubs: [{ name: SOURCE, partitions, maxBytes: MAX_MESSAGE_BYTES }, ...hubs],
    containers,
    events: publish({ seed, hub: SOURCE, events, partitions, partitionKey }, source),
    endless: source.time?.idle !== undefined,
    rowKeys,
  };
  return { app, captured };
}

/** Partitions interleave as they like, and of a window's versions only the last counts. */
function sameValues(wanted: readonly unknown[], found: readonly unknown[], updates: boolean): boolean {
  const counted = (values: readonly unknown[]): string => {
    const last = new Map<string, string>();
    for (const [index, value] of values.entries()) {
      const { key, windowStart } = (value ?? {}) as Record<string, unknown>;
      last.set(
        updates && windowStart !== undefined ? JSON.stringify([key, windowStart]) : String(index),
        JSON.stringify(value),
      );
    }
    return JSON.stringify([...last.values()].sort());
  };
  return counted(wanted) === counted(found);
}
