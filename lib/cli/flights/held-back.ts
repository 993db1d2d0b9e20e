export interface Holding {
  /** How many of the rows are held back: 0 to 1. */
  readonly share: number;
  /** For how many other rows at most. */
  readonly reach: number;
  readonly random: () => number;
}

/** Yields the same rows, some of them later: what arrives late updates results that are out already. */
export async function* heldBack(
  chunks: AsyncIterable<Uint32Array>,
  { share, reach, random }: Holding,
): AsyncGenerator<Uint32Array> {
  /** By the number of the row before which they leave. */
  const held = new Map<number, number[]>();
  let passed = 0;
  for await (const rows of chunks) {
    const leaving: number[] = [];
    for (const row of rows) {
      leaving.push(...(held.get(passed) ?? []));
      held.delete(passed);
      if (random() >= share) leaving.push(row);
      else {
        const until = passed + 1 + Math.floor(random() * reach);
        held.set(until, [...(held.get(until) ?? []), row]);
      }
      passed++;
    }
    yield Uint32Array.from(leaving);
  }
  const last = [...held].sort(([a], [b]) => a - b).flatMap(([, rows]) => rows);
  yield Uint32Array.from(last);
}
