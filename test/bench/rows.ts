/** A figure that was asked for, and what was seen of it. */
export interface Row {
  readonly what: string;
  readonly asked: number;
  readonly seen: number;
  readonly unit: string;
  readonly met: boolean;
}

/** A row for a figure that may be at most so much. */
export function atMost(what: string, asked: number, seen: number, unit: string): Row {
  return { what, asked, seen, unit, met: seen <= asked };
}

/** Prints rows as a table: what, asked, seen. */
export function printRows(rows: readonly Row[]): void {
  const width = Math.max(...rows.map(({ what }) => what.length));
  for (const { what, asked, seen, unit, met } of rows) {
    console.log(
      `${met ? "  " : "✗ "}${what.padEnd(width)}  ≤ ${String(asked).padStart(5)}  ${String(seen).padStart(8)} ${unit}`,
    );
  }
}

/** The smallest sample that a share of all does not exceed. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export function rounded(number: number, digits = 2): number {
  return Number(number.toFixed(digits));
}
