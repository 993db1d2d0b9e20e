import { registerHooks } from "node:module";
import { MUTANTS } from "./list.ts";
import { applyEdits, type Edit } from "./mutant.ts";

const LIB = new URL("../../../lib/", import.meta.url).href;

/** Breaks what this process loads from now on as a variant says. */
export function applyMutant(name: string | undefined): void {
  const mutant = MUTANTS.find((one) => one.name === name);
  if (mutant === undefined) throw new Error(`There is no mutant "${name}".`);
  editSources(mutant.edits);
}

/** Edits sources of the library when this process loads them. */
export function editSources(edits: readonly Edit[]): void {
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const ofFile = edits.filter(({ file }) => url === LIB + file);
      return ofFile.length === 0 ? loaded : { ...loaded, source: applyEdits(String(loaded.source), ofFile) };
    },
  });
}
