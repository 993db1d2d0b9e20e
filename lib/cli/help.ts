import type { Command } from "./command.ts";

/** What `tidemark --help` prints. */
export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map((command) => command.name.length));
  const lines = commands.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`);
  return ["Usage: tidemark COMMAND [options]", "", ...lines, "", "tidemark COMMAND --help tells more."].join("\n");
}

/** What `tidemark COMMAND --help` prints. */
export function commandHelp(command: Command): string {
  const options = Object.entries(command.options).map(([name, spec]) => ({
    left: `--${name}${spec.type === "string" ? ` ${spec.value ?? "VALUE"}` : ""}`,
    right: spec.help,
  }));
  const width = Math.max(...options.map(({ left }) => left.length));
  const lines = options.flatMap(({ left, right }) => {
    const [first = "", ...rest] = wrap(right, 100 - width - 4);
    return [`  ${left.padEnd(width)}  ${first}`, ...rest.map((line) => `  ${" ".repeat(width)}  ${line}`)];
  });
  const usage = options.length === 0 ? "" : " [options]";
  const parts = [`Usage: tidemark ${command.name}${usage}`, "", command.summary];
  if (lines.length > 0) parts.push("", ...lines);
  if (command.notes !== undefined) parts.push("", ...command.notes.split("\n").flatMap((line) => wrap(line, 100)));
  return parts.join("\n");
}

/** Breaks a text into lines of at most so many characters, between words. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines;
}
