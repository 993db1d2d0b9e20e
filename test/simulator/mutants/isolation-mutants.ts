import { type Mutant, mutant } from "./mutant.ts";

/*
 * Not listed, because no run can tell it from the real thing: an attempt that is counted when it was announced and never
 * begun, because the announcement alone failed; it takes one lost process less to find a culprit, and six such failures
 * in a row at one event between lost processes to condemn another.
 */

/** Variants that find the wrong event when processes die, or none. */
export const ISOLATION_MUTANTS: readonly Mutant[] = [
  mutant(
    "attempt-counted-although-the-process-lived",
    "an attempt counts only when its process never came back",
    "engine/suspects.ts",
    "if (own === undefined) return begun;",
    "if (id !== undefined) return begun;",
  ),
  mutant(
    "suspects-tried-beside-others",
    "while a suspect event is tried its process runs no other",
    "engine/seclusion.ts",
    "    this.#taken = over;\n",
    "    void over;\n",
  ),
  mutant(
    "condemned-at-once",
    "an event is condemned only after several attempts",
    "engine/suspects.ts",
    "const MOST_ATTEMPTS = 6;",
    "const MOST_ATTEMPTS = 1;",
  ),
  mutant(
    "attempts-not-in-the-frame",
    "attempts are counted in the log",
    "engine/suspects.ts",
    "this.#begun.set(id, Number(begun));",
    "void [id, begun];",
  ),
  mutant(
    "never-careful",
    "after openings without progress events are tried alone",
    "engine/isolation.ts",
    "const OPENINGS_BEFORE_CARE = 3;",
    "const OPENINGS_BEFORE_CARE = 3_000;",
  ),
];
