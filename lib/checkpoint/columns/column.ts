/** Values to write together: every so many elements of an array, so that rows need not be taken apart first. */
export interface Column {
  readonly values: readonly unknown[];
  readonly from: number;
  readonly step: number;
  readonly count: number;
}

/** All elements of an array. */
export function columnOf(values: readonly unknown[]): Column {
  return { values, from: 0, step: 1, count: values.length };
}

/** One value of each of several things. */
export function columnBy<T>(things: readonly T[], read: (thing: T) => unknown): Column {
  const values = roomFor(things.length);
  for (let i = 0; i < things.length; i++) values[i] = read(things[i] as T);
  return columnOf(values);
}

/**
 * An array to gather so many values in. What is first put in is no number: arrays of numbers alone are of other kinds to
 * V8, and a loop that meets more than four kinds becomes several times slower. An array that grows costs more than its
 * contents.
 */
export function roomFor(count: number): unknown[] {
  const values = new Array<unknown>(count);
  if (count > 0) values[0] = undefined;
  return values;
}
