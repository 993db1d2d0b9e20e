import type { ContainerClient } from "@azure/storage-blob";
import type { Differences } from "./differences.ts";
import type { ExpectedSideOutputs, SideKindName } from "./expected-side-outputs.ts";

const FOLDERS: Readonly<Record<SideKindName, string>> = { "dead-letter": "dead-letters", late: "late" };

/** How many records of each kind were found, by pipeline. */
export type FoundSideOutputs = Readonly<Record<string, Readonly<Record<SideKindName, number>>>>;

/** Reads the side outputs of every pipeline and compares which events they hold, and how often. */
export async function compareSideOutputs(
  container: ContainerClient,
  expected: ExpectedSideOutputs,
  differences: Differences,
): Promise<FoundSideOutputs> {
  const all: Record<string, Record<SideKindName, number>> = {};
  for (const [pipeline, kinds] of Object.entries(expected)) {
    all[pipeline] = { "dead-letter": 0, late: 0 };
    for (const kind of Object.keys(FOLDERS) as SideKindName[]) {
      const found = await placesIn(container, `${FOLDERS[kind]}/${pipeline}/`);
      all[pipeline][kind] = found.length;
      const { count, places } = kinds[kind];
      differences.equal(`${kind} records of ${pipeline}`, found.length, count);
      if (places !== undefined) comparePlaces(`${kind} records of ${pipeline}`, found, places, differences);
    }
  }
  return all;
}

async function placesIn(container: ContainerClient, prefix: string): Promise<string[]> {
  const places: string[] = [];
  for await (const { name } of container.listBlobsFlat({ prefix })) {
    const text = (await container.getBlobClient(name).downloadToBuffer()).toString("utf8");
    for (const line of text.split("\n").filter((one) => one !== "")) {
      const { partition, sequenceNumber } = JSON.parse(line) as { partition: string; sequenceNumber: number };
      places.push(`${partition}/${sequenceNumber}`);
    }
  }
  return places;
}

function comparePlaces(
  what: string,
  found: readonly string[],
  wanted: readonly string[],
  differences: Differences,
): void {
  const there = new Set(found);
  if (there.size !== found.length) differences.add(`${what}: ${found.length - there.size} of them are there twice`);
  for (const place of wanted) if (!there.delete(place)) differences.add(`${what}: ${place} is missing`);
  for (const place of there) differences.add(`${what}: ${place} should not be there`);
}
