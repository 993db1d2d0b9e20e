/** Compares two lists whatever their order, and says what is missing and what is too many. */
export function compareLists(found: readonly string[], wanted: readonly string[], say: (what: string) => void): void {
  const counts = new Map<string, number>();
  for (const line of wanted) counts.set(line, (counts.get(line) ?? 0) + 1);
  for (const line of found) counts.set(line, (counts.get(line) ?? 0) - 1);
  for (const [line, count] of counts) {
    if (count > 0) say(`${count} missing: ${line}`);
    if (count < 0) say(`${-count} too many: ${line}`);
  }
}
