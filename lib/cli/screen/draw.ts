import { bar, sparkline } from "./glyphs.ts";
import type { Paint } from "./paint.ts";
import { clip, clock, cut, hour, instant, left, minutes, right, whole, widthOf } from "./text.ts";
import type { AirportView, LiveView, PipelineView } from "./view.ts";

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** An average delay of so many minutes fills the bar. */
const FULL_BAR_MINUTES = 45;
const RATE_COLUMNS = 24;
const NOTES = 3;

/** Draws the whole screen: at most as many lines as there are rows, none wider than the columns. */
export function draw(view: LiveView, size: Size, paint: Paint): string[] {
  const head = [...title(view, size, paint), ...pipelines(view.pipelines, size, paint), ""];
  const foot = ["", ...footer(view, size, paint)];
  const room = Math.max(0, size.rows - 1 - head.length - foot.length - 1);
  const lines = [...head, ...airports(view.airports.slice(0, room), size, paint), ...foot];
  return lines.slice(0, Math.max(1, size.rows - 1)).map((line) => clip(line, size.columns));
}

function title(view: LiveView, size: Size, paint: Paint): string[] {
  const name = `${paint.accent("≋≋")} ${paint.bold("tidemark")}${paint.dim("  every flight in the USA, 2001, as it left")}`;
  const rates = view.publishRates.slice(-RATE_COLUMNS);
  const spark = paint.accent(sparkline(rates, 0, Math.max(1, ...rates)));
  const rate = `${paint.bold(whole(rates.at(-1) ?? 0))} events/s`;
  const total = `${paint.bold(whole(view.published))} published`;
  const time = paint.dim(clock(view.elapsed));
  const gap = size.columns - 1;
  return ["", ` ${left(name, gap - 8)}${right(time, 7)}`, "", ` ${left(spark, RATE_COLUMNS)}  ${rate}   ${total}`, ""];
}

/** Columns of the pipelines' table: name, events/s, event time, lag, late, dead letters, duplicates. */
const WIDE = [10, 10, 26, 8, 8, 14, 12] as const;
/** The same within 80 columns. */
const NARROW = [8, 10, 22, 6, 7, 14, 12] as const;

function pipelines(rows: readonly PipelineView[], size: Size, paint: Paint): string[] {
  const wide = size.columns > WIDE.reduce((sum, columns) => sum + columns, 1);
  const widths = wide ? WIDE : NARROW;
  const time = wide ? "event time has come to" : "event time";
  const header = ["pipeline", "events/s", time, "lag", "late", "dead letters", "duplicates"];
  const line = (texts: readonly string[]): string =>
    texts.reduce((row, text, at) => {
      const columns = widths[at] as number;
      if (at === 0) return row + left(text, columns);
      // The air before a text that stands on the left is what the wide table has more of.
      return row + (at === 2 ? `${wide ? "   " : "  "}${left(text, columns - (wide ? 3 : 2))}` : right(text, columns));
    }, " ");
  const body = rows.map((row) =>
    line([
      paint.bold(row.name),
      whole(row.eventsPerSecond),
      row.watermark === undefined ? paint.dim("nothing seen yet") : paint.accent(instant(row.watermark)),
      row.lag > 0 ? whole(row.lag) : paint.dim("0"),
      row.late > 0 ? paint.warn(whole(row.late)) : paint.dim("0"),
      row.deadLetters > 0 ? paint.bad(whole(row.deadLetters)) : paint.dim("0"),
      row.duplicates > 0 ? whole(row.duplicates) : paint.dim("0"),
    ]),
  );
  return [paint.dim(line(header)), ...body];
}

/** Columns beside the airport's name, the bar and the history. */
const FIXED_COLUMNS = 57;
const READABLE_NAME = 14;
const LONGEST_NAME = 30;
const MOST_BARS = 24;
/** A shorter bar says less than the number beside it. */
const LEAST_BARS = 8;

/** Shares what a line has to spare: a name that can be read first, then the history, then the bar. */
function share(spare: number): Record<"names" | "bars" | "history", number> {
  const names = Math.max(0, Math.min(LONGEST_NAME, spare, Math.max(READABLE_NAME, Math.floor(spare * 0.35))));
  const rest = Math.max(0, spare - names - 4);
  const history = rest < 2 * LEAST_BARS ? rest : Math.min(MOST_BARS, Math.floor(rest * 0.55));
  const bars = rest < 2 * LEAST_BARS ? 0 : Math.min(MOST_BARS, rest - history);
  return { names, bars, history };
}

function airports(rows: readonly AirportView[], size: Size, paint: Paint): string[] {
  const { names, bars, history } = share(size.columns - FIXED_COLUMNS);
  const header =
    ` ${left("", 5)}${left("airport", names)} ${left("", 3)} ${left("hour (UTC)", 12)}${right("flights", 8)}` +
    `${right("delayed", 9)}${right("p95", 9)}${right("avg", 9)}  ${left(bars > 6 ? "minutes" : "", bars)}  ${left(history > 8 ? "by hour" : "", history)}`;
  if (rows.length === 0) return [paint.dim(header), paint.dim("      the first window closes in a moment …")];
  return [paint.dim(header), ...rows.map((row) => airport(row, { names, bars, history }, paint))];
}

function airport(row: AirportView, columns: Record<"names" | "bars" | "history", number>, paint: Paint): string {
  const share = row.avgDelay / FULL_BAR_MINUTES;
  const delayed = `${Math.round((100 * row.late) / row.flights)} %`;
  const recent = row.history.slice(-columns.history);
  const past = recent.map((value) => heatOf(value, paint)).join("");
  return (
    ` ${paint.bold(left(row.code, 4))} ${left(cut(row.name, columns.names), columns.names)} ${left(row.state, 3)} ` +
    `${left(hour(row.windowStart), 12)}${right(whole(row.flights), 8)}${right(delayed, 9)}` +
    `${right(paint.dim(minutes(row.p95Delay)), 9)}${right(paint.heat(share, minutes(row.avgDelay)), 9)}  ` +
    `${paint.heat(share, left(bar(share, columns.bars), columns.bars))}  ${" ".repeat(columns.history - recent.length)}${past}`
  );
}

function heatOf(value: number | undefined, paint: Paint): string {
  return value === undefined ? " " : paint.heat(value / FULL_BAR_MINUTES, sparkline([value], 0, FULL_BAR_MINUTES));
}

function footer(view: LiveView, size: Size, paint: Paint): string[] {
  const documents = Object.entries(view.documents).map(([name, count]) => `${name} ${paint.bold(whole(count))}`);
  const places = view.places.map(([name, address]) => `${name} ${paint.accent(address)}`);
  const notes = view.notes.slice(-NOTES).map(({ at, text }) => paint.dim(` ${clock(at)}  ${text}`));
  const trouble = view.trouble === undefined ? [] : [` ${paint.bad("●")} ${paint.bold(view.trouble)}`];
  const aside = `${paint.dim("dead letters and late events: blob container")} tidemark`;
  return [
    ...trouble,
    ...notes,
    ...flow(paint.dim("documents"), [...(documents.length > 0 ? documents : [paint.dim("none yet")]), aside], size),
    ...flow(paint.dim("look"), places, size),
    paint.dim(" Ctrl-C stops everything; the next `npm start` goes on from here."),
  ];
}

const LABEL_COLUMNS = 9;

/** Puts items behind a label, in as many lines as they need. */
function flow(label: string, items: readonly string[], size: Size): string[] {
  const lines: string[] = [];
  let line = ` ${left(label, LABEL_COLUMNS)}`;
  for (const [at, item] of items.entries()) {
    const longer = `${line}${at === 0 ? "  " : "   "}${item}`;
    if (at === 0 || widthOf(longer) <= size.columns) line = longer;
    else {
      lines.push(line);
      line = ` ${" ".repeat(LABEL_COLUMNS)}  ${item}`;
    }
  }
  return [...lines, line];
}
