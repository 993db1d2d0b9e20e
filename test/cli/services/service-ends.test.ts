import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { describeEnd, type OwnService, ServiceEnds } from "../../../lib/cli/services/service-ends.ts";
import { startServices } from "../../../lib/cli/services/start-services.ts";
import { processesWith } from "../../end-to-end/processes.ts";

const folder = await mkdtemp(join(tmpdir(), "tidemark-ends-"));
const MARK = `TIDEMARK_TEST=${folder}`;
after(() => rm(folder, { recursive: true, force: true }));

test("a service that was stopped has not ended by itself; the next one that dies has", {
  skip: process.platform !== "linux",
  timeout: 60_000,
}, async () => {
  process.env.TIDEMARK_TEST = folder;
  const declared = Promise.resolve({ hubs: [{ name: "flights", partitions: 1 }], containers: [] });
  const services = await startServices({ folder, ports: "free", declared });
  try {
    await services.stopService("cosmos");
    await services.startService("cosmos");
    await services.stopService("storage");
    const early = await Promise.race([services.ended, new Promise((resolve) => setTimeout(resolve, 50))]);
    assert.equal(early, undefined);
    const pid = processesWith(MARK).find(({ command }) => command.includes("hub-child.ts"))?.pid;
    assert.ok(pid);
    process.kill(pid, "SIGKILL");
    assert.deepEqual(await services.ended, { title: "Event Hubs", pid, how: "SIGKILL", lastWords: [] });
  } finally {
    await services.stop();
  }
});

test("what it said last is told with the way it ended", async () => {
  const ends = new ServiceEnds();
  const service: OwnService = {
    pid: 7,
    exited: Promise.resolve("exit code 1"),
    lastWords: () => ["Oh.", "No memory."],
  };
  ends.watch("Azurite", service);
  assert.equal(
    describeEnd(await ends.first),
    "Azurite (process 7) ended by itself with exit code 1. It said last:\n  Oh.\n  No memory.",
  );
});
