import { TidemarkError } from "../../../errors.ts";

const TIMESPAN = /^(?:(\d+)\.)?(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,7}))?)?$/;

/** Reads a .NET time span like `00:05:00` or `1.12:00:00`, as host.json has them; gives milliseconds. */
export function parseTimespan(text: string, where: string): number {
  const match = TIMESPAN.exec(text.trim());
  if (match === null) {
    throw new TidemarkError("CONFIGURATION", `${where} is "${text}", which is not a time span.`, {
      fix: 'Write it as "hh:mm:ss".',
    });
  }
  const [, days = "0", hours = "0", minutes = "0", seconds = "0", fraction = "0"] = match;
  const whole = ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds);
  return whole * 1000 + Math.round(Number(`0.${fraction}`) * 1000);
}
