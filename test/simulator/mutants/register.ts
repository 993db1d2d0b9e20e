import { registerHooks } from "node:module";
import { applyEdits, type Mutant } from "./mutant.ts";

const LIB = new URL("../../../lib/", import.meta.url).href;

/** Loads a broken variant instead of the sources, in this process and from now on. */
export function registerMutant(mutant: Mutant): void {
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const edits = mutant.edits.filter(({ file }) => url === LIB + file);
      if (edits.length === 0) return loaded;
      return { ...loaded, source: applyEdits(String(loaded.source), edits) };
    },
  });
}
