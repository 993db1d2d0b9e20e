import { TidemarkError } from "../../../errors.ts";

/** The times at which a timer fires. */
export interface Schedule {
  /** The first occurrence strictly after the given time. */
  next(after: Date): Date;
}

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const FIELDS: readonly Field[] = [
  { name: "seconds", min: 0, max: 59 },
  { name: "minutes", min: 0, max: 59 },
  { name: "hours", min: 0, max: 23 },
  { name: "day of month", min: 1, max: 31 },
  { name: "month", min: 1, max: 12, names: "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(" ") },
  { name: "day of week", min: 0, max: 6, names: "SUN MON TUE WED THU FRI SAT".split(" ") },
];

/** Reads an NCRONTAB expression of six fields (or five, without seconds), in UTC; throws CONFIGURATION. */
export function parseCron(text: string): Schedule {
  const parts = text.trim().split(/\s+/);
  const six = parts.length === 5 ? ["0", ...parts] : parts;
  if (six.length !== FIELDS.length) throw wrong(text, "it needs six fields: second minute hour day month weekday");
  const sets = FIELDS.map((field, i) => parseField(six[i] as string, field, text));
  return { next: (after) => nextMatch(sets, after, text) };
}

function parseField(part: string, field: Field, text: string): ReadonlySet<number> {
  const values = new Set<number>();
  for (const item of part.split(",")) {
    const match = /^(\*|\w+)(?:-(\w+))?(?:\/(\d+))?$/.exec(item);
    const [, from, to, step] = match ?? [];
    const every = step === undefined ? 1 : Number(step);
    if (from === undefined || every < 1) throw wrong(text, `"${item}" is no ${field.name}`);
    const start = from === "*" ? field.min : numberOf(from, field, text);
    const open = from === "*" || step !== undefined;
    const end = to === undefined ? (open ? field.max : start) : numberOf(to, field, text);
    for (let value = start; value <= end; value += every) values.add(value);
  }
  return values;
}

function numberOf(word: string, field: Field, text: string): number {
  const named = field.names?.indexOf(word.slice(0, 3).toUpperCase()) ?? -1;
  const value = named >= 0 ? named + field.min : Number(word);
  if (Number.isInteger(value) && value >= field.min && value <= field.max) return value;
  throw wrong(text, `"${word}" is no ${field.name}`);
}

function wrong(text: string, why: string): TidemarkError {
  return new TidemarkError("CONFIGURATION", `The schedule "${text}" can't be read: ${why}.`);
}

const FOUR_YEARS_OF_DAYS = 366 * 4 + 1;

// Walks over days, then over the times within the first day that matches. Day and weekday must both match.
function nextMatch(sets: readonly ReadonlySet<number>[], after: Date, text: string): Date {
  const [seconds, minutes, hours, days, months, weekdays] = sets as [
    ReadonlySet<number>,
    ReadonlySet<number>,
    ReadonlySet<number>,
    ReadonlySet<number>,
    ReadonlySet<number>,
    ReadonlySet<number>,
  ];
  const from = Math.floor(after.getTime() / 1000) * 1000 + 1000;
  const day = new Date(from);
  day.setUTCHours(0, 0, 0, 0);
  for (let i = 0; i <= FOUR_YEARS_OF_DAYS; i++, day.setUTCDate(day.getUTCDate() + 1)) {
    if (!months.has(day.getUTCMonth() + 1) || !days.has(day.getUTCDate()) || !weekdays.has(day.getUTCDay())) continue;
    const found = firstTimeOfDay(seconds, minutes, hours, Math.max(0, (from - day.getTime()) / 1000));
    if (found !== undefined) return new Date(day.getTime() + found * 1000);
  }
  throw wrong(text, "it never comes");
}

function firstTimeOfDay(
  seconds: ReadonlySet<number>,
  minutes: ReadonlySet<number>,
  hours: ReadonlySet<number>,
  fromSecond: number,
): number | undefined {
  const sorted = [hours, minutes, seconds].map((set) => [...set].sort((a, b) => a - b));
  for (const hour of sorted[0] as number[]) {
    if (hour * 3600 + 3599 < fromSecond) continue;
    for (const minute of sorted[1] as number[]) {
      if (hour * 3600 + minute * 60 + 59 < fromSecond) continue;
      for (const second of sorted[2] as number[]) {
        const at = hour * 3600 + minute * 60 + second;
        if (at >= fromSecond) return at;
      }
    }
  }
  return undefined;
}
