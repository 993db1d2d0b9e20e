import { randomInt } from "node:crypto";
import { percentage, wholeNumber } from "../arguments.ts";
import type { OptionValues } from "../command.ts";

/** What `npm run torture` was asked for, checked. */
export interface TortureOptions {
  readonly kills: number;
  readonly seed: number;
  /** Events per second. */
  readonly rate: number;
  /** A share of one. */
  readonly noise: number;
  readonly json: boolean;
  /** Keep log and data of a run that went well. */
  readonly keep: boolean;
  /** Milliseconds after which the run has failed, wherever it stands; undefined is chosen by the number of kills. */
  readonly deadlineMs: number | undefined;
}

const LARGEST_SEED = 2 ** 31 - 1;

/** Reads the command's options; throws CONFIGURATION. Without --seed, chance chooses one. */
export function readOptions(values: OptionValues): TortureOptions {
  const number = (name: string, least: number, most: number): number | undefined =>
    values[name] === undefined ? undefined : wholeNumber(`--${name}`, String(values[name]), least, most);
  const deadline = number("deadline", 1, 86_400);
  return {
    kills: number("kills", 1, 10_000) ?? 20,
    seed: number("seed", 0, LARGEST_SEED) ?? randomInt(LARGEST_SEED),
    rate: number("rate", 10, 100_000) ?? 400,
    noise: percentage("--noise", values.noise === undefined ? "0.5" : String(values.noise), 50),
    json: values.json === true,
    keep: values.keep === true,
    deadlineMs: deadline === undefined ? undefined : deadline * 1000,
  };
}
