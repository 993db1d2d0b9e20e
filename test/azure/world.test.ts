import assert from "node:assert/strict";
import { test } from "node:test";
import { realWorld } from "../../lib/azure/world.ts";

test("no two nonces are alike, and one that was given stays what it was", () => {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
  const nonces = Array.from({ length: 1_000 }, () => realWorld.nonce());
  const before = nonces.map(hex);
  assert.equal(new Set(before).size, 1_000);
  assert.ok(nonces.every((nonce) => nonce.length === 16));
  realWorld.nonce();
  assert.deepEqual(nonces.map(hex), before);
});
