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
  mutant(
    "results-never-tried-alone",
    "a result of a window that ends the process is found as well",
    "engine/result-runner.ts",
    "isolation.careful ? await this.#carefully(signal) : processor.emit()",
    "processor.emit()",
  ),
  mutant(
    "attempts-at-results-not-in-the-frame",
    "attempts are counted in the log",
    "engine/result-runner.ts",
    "await note(isolation.results.begin(processor.emitted, id));",
    "isolation.results.begin(processor.emitted, id);",
  ),
  mutant(
    "result-blamed-on-its-event",
    "an event that came through is not condemned for what a window emits behind it",
    "engine/event-runner.ts",
    "    if (processor.nextResult === undefined) return commits.append([], signal);\n    await commits.note(isolation.absolve());\n    return undefined;",
    "    return commits.append([], signal);",
  ),
  mutant(
    "care-for-results-ends-with-the-first",
    "a result is tried alone until it is known for the culprit, whatever else was emitted before it",
    "engine/result-isolation.ts",
    "return emitted < this.#safe ? this.#safe - emitted : carefulRun(emitted - this.#safe);",
    "return emitted < this.#safe ? this.#safe - emitted : Number.MAX_SAFE_INTEGER;",
  ),
];
