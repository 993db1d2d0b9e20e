import assert from "node:assert/strict";
import { test } from "node:test";
import { formatWakeUp, readWakeUp } from "../../lib/azure/wake-up.ts";

test("a wake-up is understood in whatever form the host gives its message", () => {
  const wakeUp = { function: "delays", partition: "3", position: 17 };
  const sent = formatWakeUp(wakeUp);
  const json = Buffer.from(sent, "base64").toString("utf8");
  // As a rule parsed; as text or bytes by other data types; as it was sent where host.json says messageEncoding "none".
  for (const entry of [wakeUp, json, Buffer.from(json), sent, Buffer.from(sent)]) {
    assert.deepEqual(readWakeUp(entry), wakeUp);
  }
});

test("what names no task is no wake-up", () => {
  const entries = ["", "nonsense", "bm9uc2Vuc2U=", 7, null, undefined, { function: "delays" }, [], Buffer.alloc(0)];
  for (const entry of entries) assert.equal(readWakeUp(entry), undefined, String(entry));
  for (const partition of ["", "-1", "1.5", "01", " 1", "1e3"]) {
    assert.equal(readWakeUp({ function: "delays", partition, position: 1 }), undefined, partition);
  }
});
