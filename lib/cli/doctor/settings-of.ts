import { type Environment, readSettings, type SettingNeed, type Settings } from "../../azure/settings.ts";
import type { Manifest } from "../infra/manifest.ts";
import { connectionsOf } from "./check.ts";

/** The connections of a manifest, read as the app reads them; throws CONFIGURATION with every problem. */
export function settingsOf(manifest: Manifest, environment: Environment): Settings {
  const need = (service: SettingNeed["service"], list: readonly { readonly connection: string }[]) =>
    connectionsOf(list).map((name): SettingNeed => ({ name, service, usedBy: "the app" }));
  return readSettings(
    [
      ...need(
        "Event Hubs",
        manifest.hubs.filter(({ kafka }) => !kafka),
      ),
      ...need("Cosmos DB", manifest.containers),
      ...need("Blob Storage", manifest.blobContainers),
      ...need("Queue Storage", manifest.queues),
    ],
    environment,
  );
}
