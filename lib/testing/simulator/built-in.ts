import type { Oracle } from "./checks.ts";
import { drawSettings, type Tell } from "./config.ts";
import { growingWorkload } from "./growth.ts";
import { foldWorkload } from "./oracle.ts";
import { type RunResult, runApp } from "./run.ts";
import {
  eventsOf,
  faultsOf,
  partitionsOf,
  type SeedOptions,
  scenarioOf,
  scopeOf,
  settingsOf,
  silentOf,
} from "./scenario.ts";
import { builtInWorkload, SOURCE_HUB } from "./workload.ts";

/** Runs the built-in workload with everything that a seed decides; `tell` hears what happens. */
export function runSeed(options: SeedOptions, tell?: Tell): Promise<RunResult> {
  const { seed } = options;
  const random = settingsOf(options);
  const partitions = partitionsOf(options, random());
  const settings = { ...drawSettings(seed, faultsOf(options), random), tell };
  const scenario = scenarioOf(options);
  if (scenario === "silence") {
    const { app, silence, oracle } = silentOf(options);
    const retries = settings.retries || silence.waking.sweepEvery === undefined;
    return runApp(app, { ...settings, retries, waking: silence.waking, skewed: silence.skewed }, oracle);
  }
  const workload = { seed, events: eventsOf(options), partitions };
  if (scenario === "growth") return runApp(growingWorkload(workload), settings, plainFold);
  if (scenario === "deadly-results") {
    const app = builtInWorkload({ ...workload, deadlyResults: seed % 3 === 0 ? 2 : 1, scope: "straight" });
    return runApp(app, settings, plainFold);
  }
  const deadly = scenario === "deadly" ? (seed % 4 === 0 ? 2 : 1) : 0;
  return runApp(builtInWorkload({ ...workload, deadly, scope: scopeOf(options) }), settings, plainFold);
}

const plainFold: Oracle = (cluster, losses) => {
  const hub = cluster.hub(SOURCE_HUB);
  const names = new Set(cluster.app.functions.map(({ pipeline }) => pipeline.name));
  const partitions = Array.from({ length: hub.partitions }, (_, partition) => hub.history(partition));
  const writesFiles = cluster.files.places.length > 0;
  const kills = (result: unknown): boolean => cluster.app.deathOf?.(result) !== undefined;
  return foldWorkload(partitions, losses, { has: (pipeline) => names.has(pipeline), writesFiles, kills });
};
