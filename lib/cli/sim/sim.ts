import { runMany } from "../../testing/simulator/run-many.ts";
import type { SeedOptions } from "../../testing/simulator/scenario.ts";
import { shrink } from "../../testing/simulator/shrink.ts";
import { wholeNumber } from "../arguments.ts";
import type { OptionValues } from "../command.ts";
import { wantsColours } from "../screen/paint.ts";
import { runMutants } from "./mutants.ts";
import { replay } from "./replay.ts";
import { SeedsLine } from "./seeds-line.ts";
import { type FailedSeed, summary } from "./summary.ts";

const LARGEST_SEED = 2 ** 31 - 1;
const MOST_SEEDS = 10_000_000;
const SHRUNK_AT_MOST = 3;

/** Runs seeds through the simulator, replays one, or runs broken variants; resolves to the exit code. */
export async function sim(values: OptionValues): Promise<number> {
  const json = values.json === true;
  if (values.mutants === true) {
    const most = number("--seeds", values.seeds, 10_000, 1, MOST_SEEDS);
    return runMutants({ most, named: values.mutant as string | undefined }, json);
  }
  const narrowed = narrowedBy(values);
  if (values.seed !== undefined) {
    return replay({ seed: number("--seed", values.seed, 0, 0, LARGEST_SEED), ...narrowed }, json);
  }
  const seeds = number("--seeds", values.seeds, 1_000, 1, MOST_SEEDS);
  const first = number("--first", values.first, 1, 0, LARGEST_SEED);
  return runSeeds({ first, seeds, ...narrowed }, json);
}

async function runSeeds(chosen: Omit<SeedOptions, "seed"> & { first: number; seeds: number }, json: boolean) {
  const began = performance.now();
  const failed: FailedSeed[] = [];
  const line = json || !process.stderr.isTTY ? undefined : new SeedsLine(chosen.seeds);
  const result = await runMany({
    ...chosen,
    ...(line === undefined ? {} : { onProgress: (ran, violations) => line.show(ran, violations) }),
    onFailure: async (options, violations) => {
      line?.clear();
      if (failed.length >= SHRUNK_AT_MOST) return true;
      const shrunk = await shrink(options);
      failed.push({ seed: options.seed, violations: shrunk.violations, command: shrunk.command });
      if (!json) say(`Seed ${options.seed} fails: ${violations[0]}\n  ${shrunk.command}`);
      return true;
    },
  });
  line?.clear();
  const seconds = rounded((performance.now() - began) / 1_000, 3);
  const secondsCpu = cpuSeconds();
  const seedsPerCpuSecond = rounded(result.seeds / secondsCpu, 1);
  if (json) {
    const last = failed.length > 0 ? { failed } : {};
    say(JSON.stringify({ ...result, seconds, secondsCpu, seedsPerCpuSecond, ...last }));
  } else say(summary({ result, seconds, seedsPerCpuSecond, failed }, wantsColours(process.stdout, process.env)));
  return result.violations === 0 ? 0 : 1;
}

function narrowedBy({ events, faults }: OptionValues): Omit<SeedOptions, "seed"> {
  return {
    ...(events === undefined ? {} : { events: number("--events", events, 0, 1, 100_000) }),
    ...(faults === undefined ? {} : { only: faults === "none" ? [] : String(faults).split(",").map(faultIndex) }),
  };
}

function faultIndex(text: string): number {
  return wholeNumber("--faults", text, 0, Number.MAX_SAFE_INTEGER);
}

function number(option: string, value: OptionValues[string], otherwise: number, least: number, most: number): number {
  return value === undefined ? otherwise : wholeNumber(option, String(value), least, most);
}

/** Of this process with all its threads since it began. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return rounded((user + system) / 1e6, 3);
}

function rounded(value: number, places: number): number {
  return Number(value.toFixed(places));
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
