import { messageOf, TidemarkError } from "../../errors.ts";
import type { Cluster } from "./cluster.ts";
import type { Life } from "./life.ts";

/** What may go wrong and is said so; everything else is a violation. */
const EXPECTED: ReadonlySet<string> = new Set(["UNAVAILABLE", "FENCED"]);

/**
 * How tasks stop when partitions were added: by what their log says, by what their function declares, or, where no log
 * was there before, at the first document that two of them write.
 */
const REFUSALS: ReadonlySet<string> = new Set(["PARTITIONS_CHANGED", "CONFIGURATION", "FOREIGN_DOCUMENT"]);

/** Waits for work of a process, as a host does that lives on when the process does not; looks at how it failed. */
export function watchWork(
  cluster: Cluster,
  life: Life,
  what: string,
  work: Promise<unknown>,
  done: (failed: boolean) => void = () => undefined,
): void {
  work.then(
    () => {
      if (life.alive) done(false);
    },
    (error: unknown) => {
      if (!life.alive) return;
      const code = error instanceof TidemarkError ? error.code : undefined;
      if (cluster.app.grows !== undefined && REFUSALS.has(String(code))) {
        // Where nothing helps, giving the batch again would never end.
        cluster.refusals++;
        return;
      }
      if (code === undefined || !EXPECTED.has(code)) {
        const detail = code === undefined && error instanceof Error ? error.stack : messageOf(error);
        cluster.watch.violate(`${what} threw ${code}: ${detail}`);
      }
      // What no retry will mend is not given again, or the run would never end.
      done(code !== undefined && EXPECTED.has(code));
    },
  );
}
