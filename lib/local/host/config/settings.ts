import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, TidemarkError } from "../../../errors.ts";
import type { Binding, FunctionMetadata } from "../protocol.ts";

/** The app's settings: Values of local.settings.json, with the given ones on top. */
export async function readSettings(
  appFolder: string,
  given: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  let text: string;
  try {
    text = await readFile(join(appFolder, "local.settings.json"), "utf8");
  } catch {
    return { ...given };
  }
  try {
    const { Values: values = {} } = JSON.parse(text) as { Values?: Record<string, unknown> };
    const strings = Object.entries(values).map(([name, value]) => [name, String(value)]);
    return { ...Object.fromEntries(strings), ...given };
  } catch (error) {
    throw new TidemarkError("CONFIGURATION", `local.settings.json can't be read: ${messageOf(error)}`);
  }
}

/** Looks settings up and remembers which were missing and who wanted them. */
export class SettingsReader {
  readonly #settings: Readonly<Record<string, string>>;
  readonly #missing = new Map<string, Set<string>>();

  constructor(settings: Readonly<Record<string, string>>) {
    this.#settings = settings;
  }

  /** A connection string by the name of its setting, which may leave out the prefix `AzureWebJobs`. */
  connection(name: string, wantedBy: string): string {
    const value = this.#settings[name] ?? this.#settings[`AzureWebJobs${name}`];
    if (value !== undefined && value !== "") return value;
    const identity = [`${name}__fullyQualifiedNamespace`, `${name}__accountName`, `${name}__queueServiceUri`];
    if (identity.some((setting) => this.#settings[setting] !== undefined)) {
      throw new TidemarkError(
        "UNSUPPORTED",
        `Function ${wantedBy} connects with an identity through "${name}__…", which the local host can't do.`,
        { fix: `Set "${name}" to a connection string.` },
      );
    }
    return this.#note(name, wantedBy);
  }

  /** A text with every `%SETTING%` in it replaced. */
  resolve(text: string, wantedBy: string): string {
    return text.replace(/%([^%\s]+)%/g, (_, name: string) => this.#settings[name] ?? this.#note(name, wantedBy));
  }

  /** An option of a binding as text, resolved; undefined when it is not set. */
  option(binding: Binding, option: string, func: FunctionMetadata): string | undefined {
    const value = binding[option];
    return typeof value === "string" ? this.resolve(value, func.name) : undefined;
  }

  /** Throws CONFIGURATION with all the settings that were missing, if any was. */
  check(): void {
    if (this.#missing.size === 0) return;
    const list = [...this.#missing].map(([name, wantedBy]) => `"${name}" (for ${[...wantedBy].join(", ")})`);
    const [are, them] = list.length === 1 ? ["setting is", "it"] : ["settings are", "them"];
    throw new TidemarkError("CONFIGURATION", `The following ${are} missing: ${list.join(", ")}.`, {
      fix: `Add ${them} to "Values" in local.settings.json.`,
    });
  }

  #note(name: string, wantedBy: string): string {
    const users = this.#missing.get(name) ?? new Set();
    this.#missing.set(name, users.add(wantedBy));
    return "";
  }
}
