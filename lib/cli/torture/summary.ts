import { verdict } from "../once/summary.ts";
import { createPaint, wantsColours } from "../screen/paint.ts";
import { left, right, whole } from "../screen/text.ts";
import type { FinishedTorture } from "./torture.ts";

/** What a run prints when it is over. */
export function summary({ report, verification, breaches, toothless }: FinishedTorture): string {
  const paint = createPaint(wantsColours(process.stdout, process.env));
  const { outages, stalls } = report;
  const stall = stalls.longestOf === null ? "none" : `${stalls.longestSeconds.toFixed(1)} s (${stalls.longestOf})`;
  const rows: [string, string][] = [
    ["killed", `${whole(report.kills)} times`],
    ["paused", `${whole(report.pauses)} times`],
    ["Azurite away", `${outages.azurite} times`],
    ["Cosmos DB away", `${outages.cosmos} times`],
    ["partitions taken over", whole(report.takeovers)],
    ["  whose owner woke at work", whole(report.zombies)],
    ["  whose owner woke with stale results", whole(report.debtors)],
    ["other changes of owner", whole(report.rebalances)],
    ["events", whole(report.events)],
    ["documents", whole(report.results)],
    ["longest stall, no fault", stalls.overTenSeconds > 0 ? paint.warn(stall) : stall],
    ["  with faults", `${stalls.longestUnderFireSeconds.toFixed(1)} s`],
    ["time", `${report.seconds.toFixed(1)} s, ${whole(report.eventsPerSecond)} events/s`],
    ["seed", String(report.seed)],
  ];
  const table = rows.map(([name, value]) => `  ${left(paint.dim(name), 28)}${right(value, 24)}`);
  const broken = breaches.map((text) => `  ${paint.bad("✘")} ${text}`);
  const weak = toothless === undefined ? [] : [`  ${paint.bad("✘")} ${toothless}`];
  return `\n${[...table, "", ...verdict(verification, paint), ...broken, ...weak].join("\n")}\n`;
}
