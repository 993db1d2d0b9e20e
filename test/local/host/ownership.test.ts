import assert from "node:assert/strict";
import { test } from "node:test";
import type { PartitionOwnership } from "@azure/event-hubs";
import fc from "fast-check";
import { partitionsToClaim } from "../../../lib/local/host/event-hubs/ownership.ts";

const NOW = 1_000_000;
const EXPIRES_MS = 1000;

function owned(owners: Readonly<Record<string, string>>, lastModifiedTimeInMs = NOW): PartitionOwnership[] {
  const place = { fullyQualifiedNamespace: "n", eventHubName: "h", consumerGroup: "g" };
  return Object.entries(owners).map(([partitionId, ownerId]) => ({
    ...place,
    partitionId,
    ownerId,
    lastModifiedTimeInMs,
  }));
}

function claim(ownerId: string, partitions: number, ownerships: readonly PartitionOwnership[]): string[] {
  const partitionIds = Array.from({ length: partitions }, (_, i) => String(i));
  return partitionsToClaim({ ownerId, partitionIds, ownerships, now: NOW, expiresAfter: EXPIRES_MS, random: () => 0 });
}

test("a lone owner claims all that is free, given up or expired", () => {
  assert.deepEqual(claim("a", 3, []), ["0", "1", "2"]);
  assert.deepEqual(claim("a", 3, owned({ 0: "", 1: "a" })), ["0", "2"]);
  assert.deepEqual(claim("a", 2, owned({ 0: "b", 1: "b" }, NOW - EXPIRES_MS)), ["0", "1"]);
});

test("a newcomer takes its share from those who have most, and no more", () => {
  assert.equal(claim("b", 4, owned({ 0: "a", 1: "a", 2: "a", 3: "a" })).length, 2);
  assert.equal(claim("b", 3, owned({ 0: "a", 1: "a", 2: "a" })).length, 1);
  assert.deepEqual(claim("b", 1, owned({ 0: "a" })), []);
  assert.deepEqual(claim("c", 5, owned({ 0: "a", 1: "a", 2: "a", 3: "b", 4: "b" })), ["0"]);
});

test("owners who claim in turn come to rest with equal shares, give or take one", () => {
  const setup = fc.record({
    partitions: fc.integer({ min: 1, max: 12 }),
    owners: fc.integer({ min: 1, max: 5 }),
    start: fc.array(fc.nat(4), { maxLength: 12 }),
  });
  fc.assert(
    fc.property(setup, ({ partitions, owners, start }) => {
      const names = Array.from({ length: owners }, (_, i) => `owner ${i}`);
      const state: Record<string, string> = {};
      for (const [i, owner] of start.slice(0, partitions).entries()) state[i] = names[owner % owners] as string;
      let quiet = 0;
      for (let turn = 0; quiet < owners; turn++) {
        assert.ok(turn < 200, "they never come to rest");
        const name = names[turn % owners] as string;
        const claims = claim(name, partitions, owned(state));
        for (const partition of claims) state[partition] = name;
        quiet = claims.length === 0 ? quiet + 1 : 0;
      }
      const counts = names.map((name) => Object.values(state).filter((owner) => owner === name).length);
      assert.equal(Object.keys(state).length, partitions);
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, String(counts));
    }),
  );
});
