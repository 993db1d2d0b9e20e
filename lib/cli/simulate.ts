import { runSeed } from "../testing/simulator/built-in.ts";
import { runMany } from "../testing/simulator/run-many.ts";
import { faultsOf, type SeedOptions } from "../testing/simulator/scenario.ts";
import { shrink } from "../testing/simulator/shrink.ts";
import { wholeNumber } from "./arguments.ts";
import type { OptionValues } from "./command.ts";

const LARGEST_SEED = 2 ** 31 - 1;
const SHRUNK_AT_MOST = 3;

/** Runs seeds through the simulator, replays one, or runs broken variants; resolves to the exit code. */
export async function simulate(values: OptionValues): Promise<number> {
  const json = values.json === true;
  if (values.mutants === true) return runMutants(json, values);
  if (values.seed !== undefined) return replay(values, json);
  const seeds = number("--seeds", values.seeds, 1_000, 1, 10_000_000);
  const first = number("--first", values.first, 1, 0, LARGEST_SEED);
  const began = performance.now();
  const failed: unknown[] = [];
  const progress = json || !process.stderr.isTTY ? undefined : new Progress(seeds);
  const result = await runMany({
    first,
    seeds,
    ...narrowed(values),
    ...(progress === undefined ? {} : { onProgress: (ran, violations) => progress.show(ran, violations) }),
    onFailure: async (options, violations) => {
      progress?.clear();
      if (failed.length >= SHRUNK_AT_MOST) return true;
      const shrunk = await shrink(options);
      failed.push({ seed: options.seed, violations: shrunk.violations, command: shrunk.command });
      if (!json) say(`Seed ${options.seed} fails: ${violations[0]}\n  ${shrunk.command}`);
      return true;
    },
  });
  const seconds = Math.round(performance.now() - began) / 1_000;
  const secondsCpu = cpuSeconds();
  const seedsPerCpuSecond = Math.round((10 * result.seeds) / secondsCpu) / 10;
  progress?.clear();
  if (json) {
    const last = failed.length > 0 ? { failed } : {};
    say(JSON.stringify({ ...result, seconds, secondsCpu, seedsPerCpuSecond, ...last }));
  } else {
    const rate = (result.seeds / seconds).toFixed(1);
    say(
      `${result.seeds} seeds, ${result.violations} with violations, ${rate} a second (${seconds} s), ${seedsPerCpuSecond} a second of processor time.`,
    );
    for (const [kind, count] of Object.entries(result.faults).sort(([, a], [, b]) => b - a))
      say(`  ${count} × ${kind}`);
  }
  return result.violations === 0 ? 0 : 1;
}

async function replay(values: OptionValues, json: boolean): Promise<number> {
  const seed = number("--seed", values.seed, 0, 0, LARGEST_SEED);
  const options: SeedOptions = { seed, ...narrowed(values) };
  const result = await runSeed(options);
  if (json) say(JSON.stringify({ seed, ...result }));
  else {
    say(
      `Faults: ${
        faultsOf(options)
          .map(({ index, kind }) => `${index} ${kind}`)
          .join(", ") || "none"
      }`,
    );
    say(`Trace ${result.traceHash}, ${result.steps} steps, ${result.secondsVirtual} virtual seconds.`);
    for (const violation of result.violations) say(`Violation: ${violation}`);
    if (result.violations.length === 0) say("No violation.");
  }
  return result.violations.length === 0 ? 0 : 1;
}

async function runMutants(json: boolean, values: OptionValues): Promise<number> {
  // They rewrite sources of the project itself and live with its tests; an installed package has none.
  const place = new URL("../../test/simulator/mutants/run-mutants.ts", import.meta.url);
  const { runAllMutants } = (await import(place.href)) as typeof import("../../test/simulator/mutants/run-mutants.ts");
  const named = values.mutant as string | undefined;
  const most = number("--seeds", values.seeds, 10_000, 1, 10_000_000);
  const results = await runAllMutants({
    most,
    named,
    onResult: json ? () => undefined : (result) => say(describe(result)),
  });
  if (json) say(JSON.stringify(results));
  return results.every(({ seeds }) => seeds !== undefined) ? 0 : 1;
}

function describe({
  name,
  seeds,
  violation,
}: {
  name: string;
  seeds: number | undefined;
  violation?: string | undefined;
}) {
  if (seeds === undefined) return `${name}: NOT CAUGHT`;
  return `${name}: caught after ${seeds} ${seeds === 1 ? "seed" : "seeds"} (${violation?.split("\n", 1)[0]?.slice(0, 100)})`;
}

function narrowed(values: OptionValues): Omit<SeedOptions, "seed"> {
  const { events, faults } = values;
  return {
    ...(events === undefined ? {} : { events: number("--events", events, 0, 1, 100_000) }),
    ...(faults === undefined ? {} : { only: faults === "none" ? [] : String(faults).split(",").map(Number) }),
  };
}

function number(option: string, value: OptionValues[string], otherwise: number, least: number, most: number): number {
  return value === undefined ? otherwise : wholeNumber(option, String(value), least, most);
}

/** Of this process with all its threads since it began. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return Math.round((user + system) / 1_000) / 1_000;
}

const SHOWN_EVERY_MS = 250;

/** One line of a terminal that says how far a long run has come. */
class Progress {
  readonly #seeds: number;
  readonly #began = performance.now();
  #shown = 0;

  constructor(seeds: number) {
    this.#seeds = seeds;
  }

  show(ran: number, violations: number): void {
    const now = performance.now();
    if (now - this.#shown < SHOWN_EVERY_MS) return;
    this.#shown = now;
    const rate = ((1_000 * ran) / (now - this.#began)).toFixed(0);
    process.stderr.write(`\r\x1b[K${ran} of ${this.#seeds} seeds, ${violations} with violations, ${rate} a second`);
  }

  clear(): void {
    process.stderr.write("\r\x1b[K");
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
