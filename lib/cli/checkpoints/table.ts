import { wrap } from "../help.ts";
import type { Paint } from "../screen/paint.ts";
import { left, right, whole } from "../screen/text.ts";
import type { LogView } from "./survey.ts";
import { totalsOf } from "./totals.ts";
import { ageText, watermarkText } from "./words.ts";

interface Column {
  readonly heading: string;
  readonly align: typeof left;
  readonly cell: (view: LogView, now: number) => string;
  /** Columns with the largest number go first where the terminal is too narrow. */
  readonly leaves: number;
}

const NOTHING = "–";

const number = (heading: string, of: (view: LogView) => number | undefined, leaves = 0): Column => {
  const cell = (view: LogView) => {
    const value = of(view);
    return value === undefined ? NOTHING : whole(value);
  };
  return { heading, align: right, cell, leaves };
};

const counted = (view: LogView) => (view.status === undefined ? undefined : totalsOf(view.status.ledger));

const COLUMNS: readonly Column[] = [
  { heading: "PART", align: right, cell: ({ partition }) => partition, leaves: 0 },
  number("GEN", ({ generation }) => generation),
  number("SEQUENCE", ({ status }) => status?.sequence, 2),
  number("POSITION", ({ status }) => status?.position),
  {
    heading: "WATERMARK",
    align: left,
    cell: ({ status }) => (status === undefined ? NOTHING : watermarkText(status.watermark)),
    leaves: 0,
  },
  number("UNCONF", ({ status }) => status?.pendingFrames),
  number("EVENTS", (view) => counted(view)?.events, 1),
  number("LATE", (view) => counted(view)?.late),
  number("DEAD", (view) => counted(view)?.deadLetters),
  number("LOST", (view) => counted(view)?.lost),
  { heading: "AGE", align: right, cell: ({ changed }, now) => ageText(now - Date.parse(changed)), leaves: 3 },
];

/** Logs as a table for so many columns of the terminal, and below it what is wrong with some of them. */
export function logTable(views: readonly LogView[], width: number, now: number, paint: Paint): string[] {
  const lines: string[] = [];
  const fitted = fit(views, width, now);
  for (const [pipeline, own] of Map.groupBy(views, (view) => view.pipeline)) {
    lines.push(...(lines.length === 0 ? [] : [""]), paint.bold(pipeline), paint.dim(fitted.headings));
    for (const view of own) lines.push(fitted.row(view));
    for (const view of own)
      lines.push(
        ...remark(view)
          .flatMap((text) => wrap(text, width))
          .map(paint.warn),
      );
  }
  return lines;
}

/** Chooses columns and gaps so that every line fits, and is as wide in every pipeline. */
function fit(views: readonly LogView[], width: number, now: number) {
  let columns = COLUMNS.filter(({ heading }) => heading !== "LOST" || views.some((view) => counted(view)?.lost));
  const widthOf = ({ heading, cell }: Column) =>
    Math.max(heading.length, ...views.map((view) => cell(view, now).length));
  const used = (gap: number) => columns.reduce((sum, column) => sum + widthOf(column) + gap, -gap);
  while (used(1) > width && columns.some(({ leaves }) => leaves > 0)) {
    const first = columns.reduce((a, b) => (b.leaves > a.leaves ? b : a));
    columns = columns.filter((column) => column !== first);
  }
  const gap = " ".repeat(used(2) <= width ? 2 : 1);
  const line = (text: (column: Column) => string) =>
    columns
      .map((column) => column.align(text(column), widthOf(column)))
      .join(gap)
      .trimEnd();
  return { headings: line(({ heading }) => heading), row: (view: LogView) => line(({ cell }) => cell(view, now)) };
}

/** What the numbers do not say. */
function remark({ partition, state, generation, trouble }: LogView): string[] {
  if (state === "present") return [];
  if (state === "unreadable") return [`partition ${partition} is unreadable: ${trouble}`];
  if (state === "ended")
    return [`partition ${partition}: nothing goes on in its log: a beginning or a reset was cut short.`];
  return [
    `partition ${partition} was reset: generation ${generation + 1} begins with the next event, wake-up or sweep.`,
  ];
}
