import assert from "node:assert/strict";
import { test } from "node:test";
import { timeIsUp } from "../../../lib/cli/torture/deadline.ts";

const { signal } = new AbortController();

test("a run has its time, and more as long as it gets on", async () => {
  const after = 20;
  let asked = 0;
  const stuck = await timeIsUp({ after, within: 20, atMost: 5000, processed: () => 7, signal });
  assert.ok(stuck >= 39 && stuck < 4000, `${stuck}`);
  const slow = await timeIsUp({ after, within: 20, atMost: 5000, processed: () => Math.min(10, asked++), signal });
  assert.ok(asked > 10 && slow >= 100 && slow < 4900, `${asked} ${slow}`);
  const endless = await timeIsUp({ after, within: 20, atMost: 150, processed: () => asked++, signal });
  assert.ok(endless >= 149, `${endless}`);
  const hard = await timeIsUp({ after, within: 20, atMost: after, processed: () => asked++, signal });
  assert.ok(hard < 4000, `${hard}`);
});

test("a run that is over waits for nothing", async () => {
  const over = new AbortController();
  const waiting = timeIsUp({ after: 60_000, within: 1, atMost: 60_000, processed: () => 0, signal: over.signal });
  over.abort();
  await assert.rejects(waiting, { name: "AbortError" });
});
