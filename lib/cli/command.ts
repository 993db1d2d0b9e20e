/** One option of a command, as it is parsed and as `--help` shows it. */
export interface OptionSpec {
  readonly type: "boolean" | "string";
  /** May be given several times. */
  readonly multiple?: boolean;
  /** What stands for the value in the help text. */
  readonly value?: string;
  readonly help: string;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** What the user typed: one entry for each option given. */
export type OptionValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/** A subcommand of the command line. Its module is loaded only when it runs. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Shown below the options by `--help`. */
  readonly notes?: string;
  readonly options: OptionSpecs;
  /** Undefined for commands that parse what follows themselves. */
  readonly parses?: "options" | "everything itself";
  /** Resolves with the exit code. */
  run(values: OptionValues, args: readonly string[]): Promise<number>;
}
