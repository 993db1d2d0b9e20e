import { runSeed } from "../../testing/simulator/built-in.ts";
import { faultsOf, type SeedOptions } from "../../testing/simulator/scenario.ts";

/** Runs one seed again and says what happened; resolves to the exit code. */
export async function replay(options: SeedOptions, json: boolean): Promise<number> {
  const result = await runSeed(options);
  const { violations, traceHash, steps, secondsVirtual } = result;
  const faults = faultsOf(options).map(({ index, kind }) => `${index} ${kind}`);
  const lines = json
    ? [JSON.stringify({ seed: options.seed, ...result })]
    : [
        `Faults: ${faults.join(", ") || "none"}`,
        `Trace ${traceHash}, ${steps} steps, ${secondsVirtual} virtual seconds.`,
        ...violations.map((violation) => `Violation: ${violation}`),
        ...(violations.length === 0 ? ["No violation."] : []),
      ];
  process.stdout.write(`${lines.join("\n")}\n`);
  return violations.length === 0 ? 0 : 1;
}
