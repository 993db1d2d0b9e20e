import { parseArgs } from "node:util";
import { TidemarkError } from "../../errors.ts";
import { nearest } from "../nearest.ts";

/** What the command is asked for. */
export interface Request {
  readonly action: Action;
  readonly pipeline: string | undefined;
  readonly partition: string | undefined;
  readonly yes: boolean;
  readonly json: boolean;
  /** A setting of the storage account, or a connection string. */
  readonly connection: string;
  readonly settings: string;
}

export const ACTIONS = ["list", "show", "reset"] as const;

export type Action = (typeof ACTIONS)[number];

const FLAGS = ["yes", "json"];
const VALUES = { connection: "TidemarkStorage", settings: "local.settings.json" };
const KNOWN = [...FLAGS, ...Object.keys(VALUES)];

/** Reads the command's arguments; undefined when help is asked for. Throws CONFIGURATION with all that is wrong. */
export function readArguments(args: readonly string[]): Request | undefined {
  const given = new Map<string, string | true>();
  const words: string[] = [];
  const problems: string[] = [];
  for (const token of tokensOf(args)) {
    if (token.kind === "positional") words.push(token.value);
    if (token.kind !== "option") continue;
    const problem = problemOf(token);
    if (problem === undefined) given.set(token.name, token.value ?? true);
    else problems.push(problem);
    if (token.name === "help" || token.name === "h") return undefined;
  }
  if (args.length === 0) return undefined;
  const [action, pipeline, partition] = words;
  problems.push(...problemsOf(words, given.has("yes")));
  if (problems.length > 0) {
    throw new TidemarkError("CONFIGURATION", problems.join(" "), { fix: "tidemark checkpoints --help tells more." });
  }
  return {
    ...{ action: action as Action, pipeline, partition, yes: given.has("yes"), json: given.has("json") },
    connection: String(given.get("connection") ?? VALUES.connection),
    settings: String(given.get("settings") ?? VALUES.settings),
  };
}

function tokensOf(args: readonly string[]) {
  const flag = { type: "boolean" } as const;
  const value = { type: "string" } as const;
  const options = { yes: flag, json: flag, help: flag, connection: value, settings: value };
  return parseArgs({ args: [...args], options, strict: false, tokens: true }).tokens;
}

interface Option {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
}

function problemOf({ name, rawName, value }: Option): string | undefined {
  if (name === "help" || name === "h") return undefined;
  if (!KNOWN.includes(name)) {
    const guess = nearest(name, KNOWN);
    return `There is no option ${rawName}${guess === undefined ? "." : `: did you mean --${guess}?`}`;
  }
  if (FLAGS.includes(name)) return value === undefined ? undefined : `Option --${name} takes no value.`;
  return value ? undefined : `Option --${name} needs a value.`;
}

function problemsOf([action, pipeline, partition, ...more]: readonly string[], yes: boolean): string[] {
  const problems: string[] = [];
  if (action === undefined) problems.push("Say what to do: list, show or reset.");
  else if (!ACTIONS.some((one) => one === action)) {
    problems.push(`There is no "checkpoints ${action}": give list, show or reset.`);
  } else if (action !== "list" && pipeline === undefined) {
    problems.push(`${action} needs a pipeline: checkpoints ${action} PIPELINE [PARTITION].`);
  }
  if (partition !== undefined && !/^\d+$/.test(partition))
    problems.push(`"${partition}" is no partition: give a number.`);
  if (more.length > 0) problems.push(`There is too much: ${more.map((one) => `"${one}"`).join(", ")}.`);
  if (yes && action !== "reset") problems.push("Only reset takes --yes.");
  return problems;
}
