import { readFile, writeFile } from "node:fs/promises";
import { relative } from "node:path";
import type { AppDescription } from "../../azure/app-description.ts";
import { TidemarkError } from "../../errors.ts";
import { deriveManifest } from "./derive.ts";
import { type Manifest, manifestSchema } from "./manifest.ts";

/** What writing came to. */
export interface WriteResult {
  readonly manifest: Manifest;
  readonly changed: boolean;
  /** What the old manifest had and the new one has not: a plain deployment leaves it in Azure. */
  readonly dropped: readonly string[];
  readonly added: readonly string[];
}

/** The text of a manifest's file. */
export function formatManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/** Writes the manifest of an app; throws PLAN_INVALID when the app contradicts itself or what is deployed already. */
export async function writeManifest(app: AppDescription, file: string): Promise<WriteResult> {
  const manifest = deriveManifest(app);
  const before = await readManifest(file).catch((error: unknown) => {
    // A missing or unreadable file holds nothing back: it is about to be written anew.
    if (error instanceof TidemarkError) return undefined;
    throw error;
  });
  if (before) refuseShrinking(before, manifest, app, file);
  const text = formatManifest(manifest);
  const changed = !before || formatManifest(before) !== text;
  if (changed) await writeFile(file, text);
  const [old, now] = [before ? partsOf(before) : [], partsOf(manifest)];
  return {
    manifest,
    changed,
    dropped: old.filter((part) => !now.includes(part)),
    added: now.filter((part) => !old.includes(part)),
  };
}

/** Reads a manifest; throws NOT_FOUND when there is none, CONFIGURATION when it is not one. */
export async function readManifest(file: string): Promise<Manifest> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new TidemarkError("NOT_FOUND", `There is no ${file}.`, { fix: "Write it with `npm run infra`.", cause });
  });
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new TidemarkError("CONFIGURATION", `${file} is not a manifest.`, {
      fix: "Write it anew with `npm run infra`.",
      cause,
    });
  }
}

/** A hub cannot give partitions back, and a key's events would move to other tasks. */
function refuseShrinking(before: Manifest, now: Manifest, { functions }: AppDescription, file: string): void {
  const problems = now.hubs.flatMap(({ name, partitions }) => {
    const old = before.hubs.find((hub) => hub.name === name);
    if (!old || old.partitions <= partitions) return [];
    const uses = (one: AppDescription["functions"][number]) =>
      one.hub === name || one.sinks.some((sink) => sink.kind === "eventHub" && sink.eventHub === name);
    const places = functions.filter(uses).map(({ place }) => place);
    return [
      `Hub "${name}" has ${old.partitions} partitions in ${relative("", file)} and ${partitions} in ${places.join(", ")}.`,
    ];
  });
  if (problems.length === 0) return;
  throw new TidemarkError("PLAN_INVALID", problems.join("\n"), {
    fix: "A hub's partitions cannot become fewer: declare as many as before, or read from a new hub.",
  });
}

function partsOf({ functions, hubs, containers, blobContainers, queues }: Manifest): string[] {
  return [
    ...functions.map(({ name }) => `function ${name}`),
    ...hubs.map(({ name }) => `hub ${name}`),
    ...hubs.flatMap(({ name, consumerGroups }) => consumerGroups.map((group) => `consumer group ${name}/${group}`)),
    ...containers.map(({ database, name }) => `Cosmos DB container ${database}/${name}`),
    ...blobContainers.map(({ name }) => `blob container ${name}`),
    ...queues.map(({ name }) => `queue ${name}`),
  ];
}
