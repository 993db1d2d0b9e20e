import type { LedgerCounts } from "../../engine/frame.ts";
import { COLUMNS } from "../../engine/ledger.ts";
import { taskName } from "../../sinks/cosmos/fence.ts";
import type { Paint } from "../screen/paint.ts";
import { left, right, whole } from "../screen/text.ts";
import type { LogView } from "./survey.ts";
import { framesText, isoText, watermarkText } from "./words.ts";

/** All of one log: where it stands, its ledger stage by stage, and its blobs. */
export function logDetails(view: LogView, container: string, paint: Paint): string[] {
  const ledger = view.status?.ledger;
  return [
    paint.bold(taskName(view)),
    ...factsOf(view).map(([name, value]) => `  ${left(name, 11)} ${value}`),
    ...(ledger === undefined ? [] : ["", ...ledgerLines(ledger, view.status?.position ?? 0, paint)]),
    "",
    ...blobLines(view, container, paint),
  ];
}

function factsOf({ state, generation, status, trouble, changed }: LogView): [string, string][] {
  const facts: [string, string][] = [["state", trouble === undefined ? state : `${state}: ${trouble}`]];
  facts.push(["generation", String(generation)]);
  if (status !== undefined) {
    const { sequence, position, start, watermark, confirmed, pendingFrames, idleDue } = status;
    const hub = `created ${isoText(start.hubCreated)}`;
    const partitions = start.partitions === undefined ? "" : `, partitions: ${start.partitions}`;
    facts.push(["sequence", whole(sequence)]);
    facts.push(["position", `${whole(position)}, begun at ${whole(start.position)}`]);
    facts.push(["hub", `${hub}${partitions}`]);
    facts.push(["watermark", watermarkText(watermark)]);
    facts.push(["confirmed", `through frame ${whole(confirmed)}; ${framesText(pendingFrames)} not confirmed`]);
    if (idleDue !== undefined) facts.push(["due", `${isoText(idleDue)}, by silence alone`]);
  }
  facts.push(["changed", isoText(Date.parse(changed))]);
  return facts;
}

const HEADINGS: Readonly<Record<(typeof COLUMNS)[number], string>> = {
  in: "IN",
  passed: "PASSED",
  aggregated: "AGGREG",
  filtered: "FILTER",
  late: "LATE",
  deadLettered: "DEAD",
  duplicate: "DUPL",
  out: "OUT",
};

function ledgerLines({ source, stages }: LedgerCounts, position: number, paint: Paint): string[] {
  const { start, processed, lost, holes, control } = source;
  const parts = { start, processed, lost, holes, control };
  const sum = Object.entries(parts).map(([name, count]) => `${name} ${whole(count)}`);
  const rows = stages.map((stage) => [stage.stage, ...COLUMNS.map((column) => whole(stage[column]))]);
  const headings = ["STAGE", ...COLUMNS.map((column) => HEADINGS[column])];
  const widths = headings.map((heading, i) => Math.max(heading.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `  ${row.map((cell, i) => (i === 0 ? left : right)(cell, widths[i] as number)).join("  ")}`;
  return [`  ${sum.join(" + ")} = position ${whole(position)}`, paint.dim(line(headings)), ...rows.map(line)];
}

function blobLines({ blobs }: LogView, container: string, paint: Paint): string[] {
  const folder = (blobs[0]?.name ?? "").split("/").slice(0, 3).join("/");
  const sizes = blobs.map(({ bytes }) => whole(bytes));
  const width = Math.max(...sizes.map((size) => size.length));
  const lines = blobs.map(({ name }, i) => `  ${right(sizes[i] as string, width)}  ${name.slice(folder.length + 1)}`);
  return [paint.dim(`  BYTES AND BLOBS below ${folder}/ in ${container}`), ...lines];
}
