import type { BuiltIn } from "./functions.ts";
import type { Value } from "./values.ts";

const ticksPerMillisecond = 10_000;
const millisecondsPer: Readonly<Record<string, number>> = {
  millisecond: 1,
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
};

const partNames: Readonly<Record<string, string>> = {
  year: "year",
  yyyy: "year",
  yy: "year",
  month: "month",
  mm: "month",
  m: "month",
  week: "week",
  ww: "week",
  wk: "week",
  day: "day",
  dd: "day",
  d: "day",
  hour: "hour",
  hh: "hour",
  minute: "minute",
  mi: "minute",
  n: "minute",
  second: "second",
  ss: "second",
  s: "second",
  millisecond: "millisecond",
  ms: "millisecond",
  weekday: "weekday",
  dw: "weekday",
  w: "weekday",
};

const define = (least: number, most: number, apply: (...inputs: Value[]) => Value): BuiltIn => ({ least, most, apply });

const ofNow = (apply: (now: number) => Value): BuiltIn => ({
  least: 0,
  most: 0,
  apply: (now) => apply(Number(now)),
  needsNow: true,
});

const withDate = (least: number, most: number, apply: (milliseconds: number, ...rest: Value[]) => Value) =>
  define(least, most, (text, ...rest) => {
    const milliseconds = typeof text === "string" ? Date.parse(text) : Number.NaN;
    return Number.isNaN(milliseconds) ? undefined : apply(milliseconds, ...rest);
  });

/** The service's format: ISO 8601 in UTC with seven decimals. */
function format(milliseconds: number): Value {
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString().replace("Z", "0000Z");
}

function partOf(name: Value): string | undefined {
  return typeof name === "string" ? partNames[name.toLowerCase()] : undefined;
}

function add(milliseconds: number, part: string, count: number): Value {
  const date = new Date(milliseconds);
  if (part === "year") date.setUTCFullYear(date.getUTCFullYear() + count);
  else if (part === "month") date.setUTCMonth(date.getUTCMonth() + count);
  else {
    const step = millisecondsPer[part];
    if (step === undefined) return undefined;
    date.setTime(milliseconds + step * count);
  }
  return format(date.getTime());
}

function difference(from: number, to: number, part: string): Value {
  const [start, end] = [new Date(from), new Date(to)];
  const years = end.getUTCFullYear() - start.getUTCFullYear();
  if (part === "year") return years;
  if (part === "month") return years * 12 + end.getUTCMonth() - start.getUTCMonth();
  const step = millisecondsPer[part];
  return step === undefined ? undefined : Math.floor(to / step) - Math.floor(from / step);
}

function read(milliseconds: number, part: string): Value {
  const date = new Date(milliseconds);
  const parts: Readonly<Record<string, number>> = {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    weekday: date.getUTCDay() + 1,
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    millisecond: date.getUTCMilliseconds(),
  };
  return parts[part];
}

/** The date and time functions; text in ISO 8601, ticks of 100 ns, timestamps in milliseconds since 1970. */
export const dateFunctions: Readonly<Record<string, BuiltIn>> = {
  GETCURRENTDATETIME: ofNow(format),
  GETCURRENTTICKS: ofNow((now) => now * ticksPerMillisecond),
  GETCURRENTTIMESTAMP: ofNow((now) => now),
  DATETIMEADD: define(3, 3, (name, count, text) => {
    const part = partOf(name);
    const milliseconds = typeof text === "string" ? Date.parse(text) : Number.NaN;
    if (part === undefined || typeof count !== "number" || Number.isNaN(milliseconds)) return undefined;
    return add(milliseconds, part, count);
  }),
  DATETIMEDIFF: define(3, 3, (name, start, end) => {
    const part = partOf(name);
    if (part === undefined || typeof start !== "string" || typeof end !== "string") return undefined;
    const [from, to] = [Date.parse(start), Date.parse(end)];
    return Number.isNaN(from) || Number.isNaN(to) ? undefined : difference(from, to, part);
  }),
  DATETIMEPART: define(2, 2, (name, text) => {
    const part = partOf(name);
    const milliseconds = typeof text === "string" ? Date.parse(text) : Number.NaN;
    return part === undefined || Number.isNaN(milliseconds) ? undefined : read(milliseconds, part);
  }),
  DATETIMEBIN: withDate(2, 4, (milliseconds, name, size = 1, origin = "1970-01-01T00:00:00.0000000Z") => {
    const step = millisecondsPer[partOf(name) ?? ""];
    if (step === undefined || typeof size !== "number" || typeof origin !== "string") return undefined;
    const start = Date.parse(origin);
    return format(start + Math.floor((milliseconds - start) / (step * size)) * step * size);
  }),
  DATETIMETOTICKS: withDate(1, 1, (milliseconds) => milliseconds * ticksPerMillisecond),
  DATETIMETOTIMESTAMP: withDate(1, 1, (milliseconds) => milliseconds),
  TICKSTODATETIME: define(1, 1, (ticks) =>
    typeof ticks === "number" ? format(Math.floor(ticks / ticksPerMillisecond)) : undefined,
  ),
  TIMESTAMPTODATETIME: define(1, 1, (milliseconds) =>
    typeof milliseconds === "number" ? format(milliseconds) : undefined,
  ),
};
