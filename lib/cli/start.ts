import { TidemarkError } from "../errors.ts";
import { oneOf, percentage, wholeNumber } from "./arguments.ts";
import type { OptionValues } from "./command.ts";
import type { PortChoice } from "./services/ports.ts";
import { portChoice } from "./services.ts";

/** What `npm start` was asked for, checked. */
export interface StartOptions {
  readonly once: boolean;
  readonly json: boolean;
  /** Undefined: live goes on to the end of the data, `--once` takes 20,000. */
  readonly events: number | undefined;
  /** A share of one. */
  readonly noise: number;
  readonly seed: number;
  readonly kills: number;
  readonly cosmosSinks: boolean;
  /** Events per second; undefined is left to the live mode. */
  readonly rate: number | undefined;
  readonly ports: PortChoice;
  readonly fresh: boolean;
  readonly dataFile: string | undefined;
}

const MOST_EVENTS = 3_000_000;

/** Runs the app live, or once from beginning to end. */
export async function start(values: OptionValues): Promise<number> {
  const options = readOptions(values);
  if (options.once) return (await import("./once/once.ts")).once(options);
  return (await import("./live/live.ts")).live(options);
}

function readOptions(values: OptionValues): StartOptions {
  const text = (name: string): string | undefined => values[name] as string | undefined;
  const number = (name: string, least: number, most: number): number | undefined => {
    const given = text(name);
    return given === undefined ? undefined : wholeNumber(`--${name}`, given, least, most);
  };
  const once = values.once === true;
  for (const name of ["json", "kill"]) {
    if (values[name] === undefined || once) continue;
    throw new TidemarkError("CONFIGURATION", `Option --${name} is for --once only.`, { fix: "Add --once." });
  }
  if (once && values.rate !== undefined) {
    throw new TidemarkError("CONFIGURATION", "Option --rate is not for --once, which publishes as fast as it can.");
  }
  return {
    once,
    json: values.json === true,
    events: number("events", 1, MOST_EVENTS),
    noise: percentage("--noise", text("noise") ?? "0.5", 50),
    seed: number("seed", 0, 0xffffffff) ?? 1,
    kills: number("kill", 0, 1000) ?? 0,
    cosmosSinks: values.sink === undefined || oneOf("--sink", text("sink") ?? "", ["none"]) !== "none",
    rate: number("rate", 1, 1_000_000),
    ports: portChoice(values),
    fresh: values.fresh === true,
    dataFile: text("data"),
  };
}
