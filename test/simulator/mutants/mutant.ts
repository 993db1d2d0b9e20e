/** One place of the project's source, and what stands there in a broken variant. */
export interface Edit {
  /** Below lib/. */
  readonly file: string;
  /** Must occur exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** A deliberately broken variant of Tidemark, which the simulator must tell from the real one. */
export interface Mutant {
  readonly name: string;
  /** Which rule it breaks. */
  readonly breaks: string;
  readonly edits: readonly Edit[];
}

/** A variant that changes one place. */
export function mutant(name: string, breaks: string, file: string, find: string, replace: string): Mutant {
  return { name, breaks, edits: [{ file, find, replace }] };
}

/** The source with a variant's edits; throws when one of them does not fit any more. */
export function applyEdits(source: string, edits: readonly Edit[]): string {
  return edits.reduce((text, { file, find, replace }) => {
    const parts = text.split(find);
    if (parts.length === 2) return parts.join(replace);
    throw new Error(`The text of a mutant occurs ${parts.length - 1} times in lib/${file}: ${find}`);
  }, source);
}
