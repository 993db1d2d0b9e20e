import { messageOf, TidemarkError } from "../errors.ts";
import { parseOptions } from "./arguments.ts";
import type { Command } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { commandHelp, overview } from "./help.ts";
import { nearest } from "./nearest.ts";

/** Runs the command line and ends the process with its exit code: 0 when all went well, else 1. */
export async function main(args: readonly string[]): Promise<void> {
  const code = await run(args);
  // Whoever reads our output through a pipe gets all of it before the process ends.
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  process.exit(code);
}

async function run(args: readonly string[]): Promise<number> {
  try {
    const [name, ...rest] = args;
    if (name === undefined || name === "--help" || name === "-h" || name === "help") {
      process.stdout.write(`${overview(COMMANDS)}\n`);
      return 0;
    }
    return await runCommand(findCommand(name), rest);
  } catch (error) {
    process.stderr.write(`tidemark: ${explain(error)}\n`);
    return 1;
  }
}

function findCommand(name: string): Command {
  const command = COMMANDS.find((one) => one.name === name);
  if (command !== undefined) return command;
  const guess = nearest(
    name,
    COMMANDS.map((one) => one.name),
  );
  throw new TidemarkError("CONFIGURATION", `There is no command "${name}".`, {
    fix: guess === undefined ? "tidemark --help lists what there is." : `Did you mean "${guess}"?`,
  });
}

async function runCommand(command: Command, args: readonly string[]): Promise<number> {
  if (command.parses === "everything itself") return command.run({}, args);
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(`${commandHelp(command)}\n`);
    return 0;
  }
  refuseSwallowedOptions(command);
  return command.run(parseOptions(command.options, args), args);
}

/** `npm start --once` hands --once to npm, which keeps it: say so rather than do something else. */
function refuseSwallowedOptions(command: Command): void {
  const swallowed = Object.keys(command.options).find(
    (name) => name !== "json" && process.env[`npm_config_${name.replaceAll("-", "_")}`] !== undefined,
  );
  if (swallowed === undefined || process.env.npm_lifecycle_event === undefined) return;
  const script = process.env.npm_lifecycle_event;
  throw new TidemarkError("CONFIGURATION", `npm kept the option --${swallowed} for itself.`, {
    fix: `Write \`npm ${script === "start" ? "start" : `run ${script}`} -- --${swallowed}\`.`,
  });
}

/** One sentence for what the user can mend; a stack only for what must be a mistake of ours. */
function explain(error: unknown): string {
  if (error instanceof TidemarkError) return error.message;
  const isOurs = error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
  return isOurs ? (error.stack ?? messageOf(error)) : messageOf(error);
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableLength === 0) resolve();
    else stream.write("", () => resolve());
  });
}
