import { existsSync } from "node:fs";
import { join } from "node:path";
import { loadApp } from "../../azure/registry.ts";
import { TidemarkError } from "../../errors.ts";
import type { HubDeclaration } from "../../local/hub/index.ts";
import { deriveManifest } from "../infra/derive.ts";
import type { ContainerDeclaration } from "./cosmos-child.ts";

/** What the local services must hold for an app to run. */
export interface Declarations {
  readonly hubs: readonly HubDeclaration[];
  readonly containers: readonly ContainerDeclaration[];
  readonly blobContainers: readonly string[];
}

/** Reads from an app's functions what they need; nothing when the folder has no functions. */
export async function declarationsOf(appFolder: string): Promise<Declarations> {
  const folder = join(appFolder, "functions");
  if (!existsSync(folder)) return { hubs: [], containers: [], blobContainers: [] };
  const manifest = deriveManifest(await loadApp(folder));
  return {
    hubs: manifest.hubs.map(({ name, partitions, consumerGroups }) => ({ name, partitions, consumerGroups })),
    containers: manifest.containers.map(({ database, name, partitionKeyPaths }) => {
      return { database, container: name, partitionKey: partitionKeyPaths };
    }),
    blobContainers: manifest.blobContainers.map(({ name }) => name),
  };
}

/** Reads "name:partitions" as a hub; throws CONFIGURATION when it is not of that form. */
export function parseHub(text: string): HubDeclaration {
  const [, name, partitions] = /^([^:]+):(\d+)$/.exec(text) ?? [];
  if (name !== undefined && partitions !== undefined) return { name, partitions: Number(partitions) };
  throw new TidemarkError("CONFIGURATION", `Option --hub is "${text}".`, {
    fix: "Give a name and a number of partitions, like orders:4.",
  });
}

/** Adds hubs to others of which some may have the same name; throws CONFIGURATION when they contradict each other. */
export function mergeHubs(hubs: readonly HubDeclaration[], more: readonly HubDeclaration[]): HubDeclaration[] {
  const merged = [...hubs];
  for (const hub of more) {
    const known = merged.find(({ name }) => name.toLowerCase() === hub.name.toLowerCase());
    if (known === undefined) merged.push(hub);
    else if (known.partitions !== hub.partitions) {
      throw new TidemarkError(
        "CONFIGURATION",
        `Hub "${hub.name}" is declared with ${known.partitions} partitions and with ${hub.partitions}.`,
        { fix: "Give it the same number everywhere." },
      );
    }
  }
  return merged;
}
