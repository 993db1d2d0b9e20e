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
    "engine/isolation.ts",
    "if (this.#announced !== sequenceNumber) return begun;",
    "if (sequenceNumber >= 0) return begun;",
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
    "engine/isolation.ts",
    "const ATTEMPTS_PER_EVENT = 6;",
    "const ATTEMPTS_PER_EVENT = 1;",
  ),
  mutant(
    "attempts-not-in-the-frame",
    "attempts are counted in the log",
    "engine/isolation.ts",
    "if (noted !== undefined) [this.#suspect, this.#begun]",
    "if (noted === null) [this.#suspect, this.#begun]",
  ),
  mutant(
    "never-careful",
    "after openings without progress events are tried alone",
    "engine/isolation.ts",
    "const OPENINGS_BEFORE_CARE = 3;",
    "const OPENINGS_BEFORE_CARE = 3_000;",
  ),
];
