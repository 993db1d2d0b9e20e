import type { AzureConnections } from "../../azure/connections.ts";
import type { Environment, Settings } from "../../azure/settings.ts";
import type { Manifest } from "../infra/manifest.ts";
import type { Deployed } from "./deployed.ts";

/** What a check saw: good, a problem with its remedy, or something that could not be looked at and why. */
export interface Finding {
  readonly state: "good" | "problem" | "unknown";
  readonly what: string;
  readonly fix?: string;
}

/** What checks may look at; they change nothing. */
export interface Context {
  readonly manifest: Manifest;
  readonly environment: Environment;
  /** Absent when the settings themselves are not usable. */
  readonly settings?: Settings | undefined;
  readonly connections?: AzureConnections | undefined;
  /** The function app in Azure; absent when the doctor looks at local services. */
  readonly deployed?: Deployed | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface Check {
  readonly name: string;
  readonly run: (context: Context) => Promise<readonly Finding[]>;
}

export const good = (what: string): Finding => ({ state: "good", what });
export const problem = (what: string, fix: string): Finding => ({ state: "problem", what, fix });
export const unknown = (what: string, fix?: string): Finding => ({ state: "unknown", what, ...(fix && { fix }) });

/** Each different connection of a list, in order. */
export function connectionsOf(list: readonly { readonly connection: string }[]): string[] {
  return [...new Set(list.map(({ connection }) => connection))];
}
