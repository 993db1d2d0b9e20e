import { runSeed } from "../../testing/simulator/built-in.ts";
import { START_TIME } from "../../testing/simulator/cluster.ts";
import type { Tell } from "../../testing/simulator/config.ts";
import { faultsOf, type SeedOptions } from "../../testing/simulator/scenario.ts";

/** Wide enough for the seconds of a day, to the millisecond. */
const TIME_COLUMNS = 10;

/** Runs one seed again and tells what happened, in its order; resolves to the exit code. */
export async function replay(options: SeedOptions, json: boolean): Promise<number> {
  const story: string[] = [];
  const tell: Tell = (time, what) => {
    story.push(`${((time - START_TIME) / 1_000).toFixed(3).padStart(TIME_COLUMNS)} s  ${what}`);
  };
  const result = await runSeed(options, json ? undefined : tell);
  const { violations, traceHash, steps, secondsVirtual } = result;
  const faults = faultsOf(options).map(({ index, kind }) => `${index} ${kind}`);
  const lines = json
    ? [JSON.stringify({ seed: options.seed, ...result })]
    : [
        ...story,
        "",
        `Faults: ${faults.join(", ") || "none"}`,
        `Trace ${traceHash}, ${steps} steps, ${secondsVirtual} virtual seconds.`,
        ...violations.map((violation) => `Violation: ${violation}`),
        ...(violations.length === 0 ? ["No violation."] : []),
      ];
  process.stdout.write(`${lines.join("\n")}\n`);
  return violations.length === 0 ? 0 : 1;
}
