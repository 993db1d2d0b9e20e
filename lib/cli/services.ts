import { resolve } from "node:path";
import { oneOf } from "./arguments.ts";
import type { OptionValues } from "./command.ts";
import { interrupted } from "./interrupted.ts";
import { declarationsOf, mergeHubs, parseHub } from "./services/declarations.ts";
import { describeServices } from "./services/describe.ts";
import type { PortChoice } from "./services/ports.ts";
import { forgetData, type Services, startServices } from "./services/start-services.ts";

/** Where `npm start` and `npm run services` keep everything. */
export const DATA_FOLDER = ".tidemark";

/** Runs the services until Ctrl-C. */
export async function services(values: OptionValues): Promise<number> {
  const extra = ((values.hub ?? []) as readonly string[]).map(parseHub);
  const ports = portChoice(values);
  const declared = await declarationsOf(process.cwd());
  const hubs = mergeHubs(declared.hubs, extra);
  const folder = resolve(DATA_FOLDER);
  if (values.fresh === true) await forgetData(folder);
  const contents = { ...declared, hubs };
  const running = await startServices({ folder, ports, declared: Promise.resolve(contents) });
  process.stdout.write(`${describe(running, hubs)}\n`);
  await interrupted();
  await running.stop();
  return 0;
}

/** Reads --ports; without it, ports that are taken are replaced. */
export function portChoice(values: OptionValues): PortChoice {
  return values.ports === undefined ? "prefer" : oneOf("--ports", String(values.ports), ["default", "free"]);
}

function describe(running: Services, hubs: readonly { readonly name: string; readonly partitions: number }[]): string {
  const settings = Object.entries(running.settings).map(([name, value]) => `  ${name}=${value}`);
  return [
    ...describeServices(running),
    `Hubs: ${hubs.map(({ name, partitions }) => `${name} (${partitions} partitions)`).join(", ") || "none"}`,
    "",
    "Settings for the SDKs and for local.settings.json:",
    ...settings,
    "",
    "Ready. Ctrl-C stops everything.",
  ].join("\n");
}
