import { counted } from "../once/progress.ts";
import { verdict } from "../once/summary.ts";
import { createPaint, type Paint, wantsColours } from "../screen/paint.ts";
import { left, right, whole } from "../screen/text.ts";
import type { FenceFindings } from "./report.ts";
import type { FinishedTorture } from "./torture.ts";

const NAME_COLUMNS = 39;
const VALUE_COLUMNS = 10;

/** A name, its value, and what else there is to say. */
type Row = readonly [name: string, value: string, remark?: string];

/** What a run prints when it is over. */
export function summary({ report, verification, breaches, toothless }: FinishedTorture): string {
  const paint = createPaint(wantsColours(process.stdout, process.env));
  const { outages, stalls } = report;
  const seconds = (value: number): string => `${value.toFixed(1)} s`;
  const calm = stalls.overTenSeconds > 0 ? paint.warn(seconds(stalls.longestSeconds)) : seconds(stalls.longestSeconds);
  const faults: Row[] = [
    ["kills", whole(report.kills)],
    ["pauses", whole(report.pauses)],
    ["outages of Azurite", whole(outages.azurite)],
    ["outages of Cosmos DB", whole(outages.cosmos)],
    ["partitions taken over from a paused owner", whole(report.takeovers)],
    ["  who woke with a batch in hand", whole(report.zombies)],
    ["  who woke with stale results to deliver", whole(report.debtors)],
    ["other changes of owner", whole(report.rebalances)],
  ];
  const work: Row[] = [
    ["events", whole(report.events), `${whole(report.eventsPerSecond)}/s`],
    ["documents", whole(report.results), `written by ${whole(report.fences.frames)} frames`],
    ["longest stall without a fault", calm, stalls.longestOf ?? ""],
    ["longest stall", seconds(stalls.longestUnderFireSeconds)],
    ["time", seconds(report.seconds)],
    ["seed", String(report.seed)],
  ];
  const table = [...faults.map((row) => line(row, paint)), "", ...work.map((row) => line(row, paint))];
  const found = [...verdict(verification, paint), ...fences(report.fences, breaches, paint)];
  const weak = toothless === undefined ? [] : [`  ${paint.bad("✘")} ${toothless}`];
  return `\n${[...table, "", ...found, ...weak].join("\n")}\n`;
}

function line([name, value, remark = ""]: Row, paint: Paint): string {
  return `  ${left(paint.dim(name), NAME_COLUMNS + 2)}${right(value, VALUE_COLUMNS)}  ${paint.dim(remark)}`.trimEnd();
}

function fences({ breaches: count, refused }: FenceFindings, first: readonly string[], paint: Paint): string[] {
  if (count === 0) {
    const came = `${counted(refused, "stale write")} came and ${refused === 1 ? "was" : "were"} refused`;
    return [`  ${paint.accent("✔")} ${paint.bold("0 breaches")}: ${came}, and no uncommitted frame wrote a document.`];
  }
  const more = count > first.length ? [`    … and ${whole(count - first.length)} more`] : [];
  return [
    `  ${paint.bad("✘")} ${paint.bold(`${whole(count)} breaches`)} of the fence:`,
    ...first.map((text) => `    ${text}`),
    ...more,
  ];
}
