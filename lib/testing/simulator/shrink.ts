import { runSeed } from "./built-in.ts";
import { eventsOf, faultsOf, type SeedOptions } from "./scenario.ts";

/** The least of a seed that still fails. */
export interface Shrunk {
  readonly options: SeedOptions;
  readonly violations: readonly string[];
  /** What to type to see it again. */
  readonly command: string;
}

const FEWEST_EVENTS = 4;

/** Leaves out faults and events of a failing seed for as long as it still fails. */
export async function shrink(options: SeedOptions): Promise<Shrunk> {
  let smallest = options;
  let { violations } = await runSeed(options);
  // Less of a seed may fail for another reason, which would tell of something else.
  const kinds = new Set(violations.map(kindOf));
  const fails = async (candidate: SeedOptions): Promise<boolean> => {
    const result = await runSeed(candidate);
    if (!result.violations.some((violation) => kinds.has(kindOf(violation)))) return false;
    smallest = candidate;
    violations = result.violations;
    return true;
  };
  await dropFaults(
    faultsOf(options).map(({ index }) => index),
    (only) => fails({ ...smallest, only }),
  );
  for (let step = eventsOf(options) >> 1; step >= 1; step >>= 1) {
    while (eventsOf(smallest) - step >= FEWEST_EVENTS) {
      if (!(await fails({ ...smallest, events: eventsOf(smallest) - step }))) break;
    }
  }
  await dropFaults(
    faultsOf(smallest).map(({ index }) => index),
    (only) => fails({ ...smallest, only }),
  );
  return { options: smallest, violations, command: commandOf(smallest) };
}

/** First halves, then one by one. */
async function dropFaults(
  indexes: readonly number[],
  fails: (only: readonly number[]) => Promise<boolean>,
): Promise<void> {
  let kept = indexes;
  for (let size = Math.max(1, kept.length >> 1); ; size >>= 1) {
    for (let at = 0; at < kept.length; ) {
      const without = [...kept.slice(0, at), ...kept.slice(at + size)];
      if (await fails(without)) kept = without;
      else at += size;
    }
    if (size <= 1) return;
  }
}

/** The command that runs a seed, or what is left of it. */
export function commandOf({ seed, events, only }: SeedOptions): string {
  const parts = [`npm run sim -- --seed ${seed}`];
  if (events !== undefined) parts.push(`--events ${events}`);
  if (only !== undefined) parts.push(`--faults ${only.length === 0 ? "none" : only.join(",")}`);
  return parts.join(" ");
}

/** What a violation is about, whatever the numbers, ids and contents in it. */
function kindOf(violation: string): string {
  return violation.replaceAll(/"[^"]*"|\{.*\}|\d+/g, "");
}
