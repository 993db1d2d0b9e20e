import { stripVTControlCharacters } from "node:util";

const STYLE = new RegExp(`(${"\u001b"}\\[[0-9;]*m)`);

/** How many columns a text takes; every character the screen uses is one column wide. */
export function widthOf(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

/** Fills a text up with blanks on the right. */
export function left(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - widthOf(text)));
}

/** Fills a text up with blanks on the left. */
export function right(text: string, columns: number): string {
  return " ".repeat(Math.max(0, columns - widthOf(text))) + text;
}

/** Cuts a text without colours to so many columns, with an ellipsis when something is lost. */
export function cut(text: string, columns: number): string {
  if (columns <= 0) return "";
  return text.length <= columns ? text : `${text.slice(0, columns - 1).trimEnd()}…`;
}

/** Cuts a text with colours to so many columns and ends its colours. */
export function clip(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let seen = 0;
  let kept = "";
  for (const part of text.split(STYLE)) {
    if (part.startsWith("\u001b[")) kept += part;
    else {
      const characters = [...part].slice(0, columns - seen);
      seen += characters.length;
      kept += characters.join("");
    }
  }
  return kept;
}

const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** A whole number with its thousands apart: 12,345. */
export function whole(value: number): string {
  return WHOLE.format(value);
}

/** Minutes with their sign and one decimal: +12.4. */
export function minutes(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)}`;
}

/** Milliseconds as m:ss or h:mm:ss. */
export function clock(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const [hours, ...rest] = parts;
  const tail = rest.map((part) => String(part).padStart(2, "0")).join(":");
  return hours === 0 ? tail : `${hours}:${tail}`;
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] as const;

/** An instant in UTC: Tue 2001-01-02 06:40. */
export function instant(time: number): string {
  const date = new Date(time);
  return `${DAYS[date.getUTCDay()]} ${date.toISOString().slice(0, 16).replace("T", " ")}`;
}

/** An hour in UTC with its day: Tue 06–07 h. */
export function hour(time: number): string {
  const date = new Date(time);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${DAYS[date.getUTCDay()]} ${two(date.getUTCHours())}–${two((date.getUTCHours() + 1) % 24)} h`;
}
