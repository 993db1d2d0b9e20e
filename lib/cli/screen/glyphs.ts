const LEVELS = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const;
const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"] as const;

/** The level, one of eight, that stands for a value between two bounds. */
export function level(value: number, least: number, most: number): string {
  const share = most > least ? (value - least) / (most - least) : 0;
  return LEVELS[Math.min(7, Math.max(0, Math.floor(share * 8)))] as string;
}

/** A line of levels for a row of values; a gap for what is undefined. */
export function sparkline(values: readonly (number | undefined)[], least: number, most: number): string {
  return values.map((value) => (value === undefined ? " " : level(value, least, most))).join("");
}

/** A bar of so many columns at most, drawn to an eighth of a column. */
export function bar(share: number, columns: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * columns * 8);
  return "█".repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] as string);
}
