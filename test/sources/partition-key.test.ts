import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import { hashPartitionKey, partitionForKey } from "../../lib/sources/partition-key.ts";

interface SdkMapper {
  hashPartitionKey(key: string): number;
  mapPartitionKeyToId(key: string, partitions: number): number;
}

/** What the SDK's buffered producer uses; the package does not export it. */
async function sdkMapper(): Promise<SdkMapper> {
  const main = createRequire(import.meta.url).resolve("@azure/event-hubs");
  const file = join(dirname(dirname(main)), "esm", "impl", "partitionKeyToIdMapper.js");
  return (await import(pathToFileURL(file).href)) as SdkMapper;
}

test("hashes the keys that the SDKs of other languages test to the same numbers", () => {
  const known: [string, number][] = [
    ["7", -15263],
    ["131", 30562],
    ["7149583486996073602", 12977],
    ["FWfAT", -22341],
    ["sOdeEAsyQoEuEFPGerWO", -6503],
    ["!c*_!I@1^c", 15372],
    ["p4*!jioeO/z-!-;w:dh", -3104],
    ["$0cb", 26269],
    ["FAyAIctPeCgmiwLKbJcyswoHglHVjQdvtBowLACDNORsYvOcLddNJYDmhAVkbyLOrHTKLneMNcbgWVlasVywOByANjs", 5226],
  ];
  for (const [key, hash] of known) assert.equal(hashPartitionKey(key), hash, key);
});

test("agrees with the SDK on every key and number of partitions", async () => {
  const sdk = await sdkMapper();
  const keys = fc.oneof(fc.string({ maxLength: 60 }), fc.string({ unit: "grapheme", maxLength: 30 }));
  fc.assert(
    fc.property(keys, fc.integer({ min: 1, max: 2048 }), (key, partitions) => {
      assert.equal(hashPartitionKey(key), sdk.hashPartitionKey(key));
      assert.equal(partitionForKey(key, partitions), sdk.mapPartitionKeyToId(key, partitions));
    }),
    { numRuns: 2000 },
  );
});
