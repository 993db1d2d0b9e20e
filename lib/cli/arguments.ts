import { parseArgs } from "node:util";
import { TidemarkError } from "../errors.ts";
import type { OptionSpecs, OptionValues } from "./command.ts";
import { nearest } from "./nearest.ts";

/** Parses a command's options; throws CONFIGURATION with one sentence, and a suggestion where one is near. */
export function parseOptions(specs: OptionSpecs, args: readonly string[]): OptionValues {
  const options = Object.fromEntries(
    Object.entries(specs).map(([name, { type, multiple = false }]) => [name, { type, multiple }]),
  );
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const values: Record<string, string | boolean | string[]> = {};
  for (const token of tokens) {
    if (token.kind === "positional") throw unexpected(`"${token.value}"`, `--${token.value}`, specs);
    if (token.kind !== "option") continue;
    const spec = specs[token.name];
    if (spec === undefined) throw unexpected(`option ${token.rawName}`, token.rawName, specs);
    if (spec.type === "boolean" && token.value !== undefined) {
      throw new TidemarkError("CONFIGURATION", `Option --${token.name} takes no value.`);
    }
    if (spec.type === "string" && (token.value === undefined || token.value === "")) {
      throw new TidemarkError("CONFIGURATION", `Option --${token.name} needs a value.`, {
        fix: `Write --${token.name} ${spec.value ?? "VALUE"}.`,
      });
    }
    if (spec.multiple === true) values[token.name] = [...listOf(values[token.name]), token.value as string];
    else values[token.name] = token.value ?? true;
  }
  return values;
}

function listOf(value: string | boolean | string[] | undefined): string[] {
  return Array.isArray(value) ? value : [];
}

function unexpected(what: string, typed: string, specs: OptionSpecs): TidemarkError {
  const guess = nearest(
    typed,
    Object.keys(specs).map((name) => `--${name}`),
  );
  const fix = guess === undefined ? "--help lists what there is." : `Did you mean ${guess}?`;
  return new TidemarkError("CONFIGURATION", `There is no ${what}.`, { fix });
}

/** Reads a whole number within bounds; throws CONFIGURATION when it is none. */
export function wholeNumber(option: string, text: string, least: number, most: number): number {
  const number = /^\d[\d_]*$/.test(text) ? Number(text.replaceAll("_", "")) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new TidemarkError("CONFIGURATION", `Option ${option} is "${text}".`, {
    fix: `Give a whole number from ${least} to ${most}.`,
  });
}

/** Reads a percentage such as "0.5" or "0.5%" as a fraction of one; throws CONFIGURATION when it is none. */
export function percentage(option: string, text: string, most: number): number {
  const number = /^\d*\.?\d+ ?%?$/.test(text) ? Number.parseFloat(text) : Number.NaN;
  if (number >= 0 && number <= most) return number / 100;
  throw new TidemarkError("CONFIGURATION", `Option ${option} is "${text}".`, {
    fix: `Give a percentage from 0 to ${most}.`,
  });
}

/** Reads one of a few words; throws CONFIGURATION when it is another. */
export function oneOf<W extends string>(option: string, text: string, words: readonly W[]): W {
  const found = words.find((word) => word === text);
  if (found !== undefined) return found;
  throw new TidemarkError("CONFIGURATION", `Option ${option} is "${text}".`, { fix: `Give ${words.join(" or ")}.` });
}
