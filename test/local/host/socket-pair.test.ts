import assert from "node:assert/strict";
import { test } from "node:test";
import { socketPair } from "../../../lib/local/host/socket-pair.ts";

test("what goes in at one end of a pair comes out at the other, both ways, until it is closed", async () => {
  const [near, far] = await socketPair();
  near.end("there");
  far.end("back");
  const received = await Promise.all([far, near].map(async (end) => Buffer.concat(await end.toArray()).toString()));
  assert.deepEqual(received, ["there", "back"]);
});

test("pairs that are made at the same time are not mixed up", async () => {
  const pairs = await Promise.all(Array.from({ length: 10 }, socketPair));
  for (const [i, [near]] of pairs.entries()) near.end(`${i}`);
  const received = await Promise.all(pairs.map(async ([, far]) => Buffer.concat(await far.toArray()).toString()));
  assert.deepEqual(received, [...pairs.keys()].map(String));
  for (const [, far] of pairs) far.destroy();
});
