const DAY_LENGTH = "2001-01-01".length;
const UTC_LENGTH = "2001-01-01T00:00:00Z".length;
const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** How far from the epoch a Date can be, in milliseconds. */
export const FARTHEST = 8.64e15;

/** ISO 8601 in UTC; milliseconds since the epoch. */
export function isoText(time: number): string {
  return new Date(time).toISOString();
}

let day = "";
let dayMs = Number.NaN;

/**
 * What Date.parse makes of a text, in milliseconds since the epoch; NaN when it is no time. Whole seconds in UTC, the
 * most common form, are read by hand: the days of events that follow each other are mostly the same.
 */
export function parseInstant(text: string): number {
  if (text.length !== UTC_LENGTH || text[10] !== "T" || text[13] !== ":" || text[16] !== ":" || text[19] !== "Z") {
    return Date.parse(text);
  }
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  if (!(hour < 24 && minute < 60 && second < 60)) return Date.parse(text);
  if (!text.startsWith(day) || day === "") {
    day = text.slice(0, DAY_LENGTH);
    dayMs = /^\d{4}-\d\d-\d\d$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN;
  }
  return Number.isNaN(dayMs) ? Date.parse(text) : dayMs + hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS;
}

/** NaN when they are no digits. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 48;
  const ones = text.charCodeAt(at + 1) - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}
