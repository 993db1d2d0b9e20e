import type { Paint } from "../screen/paint.ts";
import { cut, left, right, whole } from "../screen/text.ts";
import type { Verdict } from "./redrive.ts";
import type { StoredRecord } from "./stored-record.ts";

/** A record and when it was brought back, for the eye. */
export interface ListedRecord {
  readonly record: StoredRecord;
  readonly redrivenAt: string | undefined;
}

const HEADINGS = ["ID", "KIND", "STAGE", "EVENT TIME", "REASON"] as const;

/** Records as a table of so many columns of the terminal; a tick marks those that were brought back. */
export function recordTable(rows: readonly ListedRecord[], columns: number, paint: Paint): string[] {
  const cells = rows.map(({ record, redrivenAt }) => [
    `${redrivenAt === undefined ? " " : "✓"} ${record.id}`,
    record.kind,
    record.stage,
    (record.eventTime ?? "–").slice(0, 19).replace("T", " "),
    firstLine(record.reason),
  ]);
  const headings: string[] = [`  ${HEADINGS[0]}`, ...HEADINGS.slice(1)];
  const widths = headings.map((heading, i) => Math.max(heading.length, ...cells.map((row) => row[i]?.length ?? 0)));
  const used = widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0);
  widths[widths.length - 1] = Math.max(20, columns - used);
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => left(cut(cell, widths[i] as number), widths[i] as number))
      .join("  ")
      .trimEnd();
  return [paint.dim(line(headings)), ...cells.map(line)];
}

/** Counts records by pipeline, kind and stage, of which there may be more than fit into memory. */
export class RecordCounts {
  readonly #groups = new Map<string, { count: number; readonly newest: string }>();
  total = 0;

  /** Counts one; the newest of a group must come first. */
  add({ pipeline, kind, stage, reason }: StoredRecord): void {
    const name = `${pipeline}: ${kind} in "${stage}"`;
    const group = this.#groups.get(name) ?? { count: 0, newest: cut(firstLine(reason), 60) };
    group.count++;
    this.total++;
    this.#groups.set(name, group);
  }

  /** How many there are of each, and why the newest. */
  table(paint: Paint): string[] {
    const groups = [...this.#groups].sort(([, a], [, b]) => b.count - a.count);
    return groups.map(
      ([name, { count, newest }]) => `${right(whole(count), 9)}  ${name}${paint.dim(`, lately: ${newest}`)}`,
    );
  }
}

/** All of one record. */
export function recordDetails({ record, redrivenAt }: ListedRecord, paint: Paint): string[] {
  const facts: [string, string | undefined][] = [
    ["kind", record.kind],
    ["stage", record.stage],
    ["reason", firstLine(record.reason)],
    ["tries", record.attempts?.toString()],
    ["event time", record.eventTime],
    ["watermark", record.watermark],
    ["enqueued", record.enqueuedTime],
    ["key", record.key],
    ["redriven", redrivenAt],
    ["properties", JSON.stringify(record.properties)],
    ["blob", record.blob],
  ];
  const known = facts.filter((fact): fact is [string, string] => fact[1] !== undefined);
  return [
    paint.bold(record.id),
    ...known.map(([name, value]) => `  ${left(name, 11)} ${value}`),
    ...(record.stack === undefined ? [] : ["", ...record.stack.split("\n").map((line) => paint.dim(`  ${line}`))]),
    "",
    `  ${record.text ?? `${record.body} (base64)`}`,
  ];
}

const TITLES = {
  published: ["published", "to be published"],
  again: ["published before", "published before"],
  late: ["late by now, not published", "late by now, not to be published"],
  impossible: ["not possible", "not possible"],
} as const;

/** What became of the records, or would become of them: a line for each fate, and each reason with an example. */
export function verdictLines(verdicts: readonly Verdict[], dryRun: boolean, paint: Paint): string[] {
  const lines: string[] = [];
  for (const [fate, titles] of Object.entries(TITLES)) {
    const group = verdicts.filter((verdict) => verdict.fate === fate);
    if (group.length === 0 && fate !== "published") continue;
    lines.push(`${right(whole(group.length), 9)}  ${titles[dryRun ? 1 : 0]}`);
    for (const [because, same] of Map.groupBy(group, (verdict) => verdict.because)) {
      if (because === undefined) continue;
      lines.push(paint.dim(`${right(whole(same.length), 13)}  ${because}; for instance ${same[0]?.record.id}`));
    }
  }
  return lines;
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}
