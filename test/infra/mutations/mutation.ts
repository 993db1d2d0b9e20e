/** One way to break the template, and the assertion that must notice. */
export interface Mutation {
  readonly file: string;
  /** Must occur in the file. */
  readonly from: string;
  readonly to: string;
  readonly breaks: string;
  /** The variation in which it shows; prod unless told otherwise. */
  readonly in?: string;
}

/** Mutations of one file that one assertion must notice. */
export function on(
  file: string,
  breaks: string,
  changes: readonly (readonly [from: string, to: string, variation?: string])[],
): Mutation[] {
  return changes.map(([from, to, variation]) => ({ file, from, to, breaks, ...(variation && { in: variation }) }));
}
