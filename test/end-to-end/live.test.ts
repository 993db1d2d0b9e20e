import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { HubEnds } from "../../lib/cli/hub-ends.ts";
import { declarationsOf } from "../../lib/cli/services/declarations.ts";
import { startServices } from "../../lib/cli/services/start-services.ts";
import { openLogs, statusOf } from "../../lib/cli/task-logs.ts";
import { LAUNCHER, temporaryAppFolder } from "./app-folder.ts";

const folder = temporaryAppFolder();
after(() => folder.remove());

interface Run {
  readonly child: ChildProcess;
  readonly lines: string[];
  /** Resolves when the lines so far match. */
  seen(pattern: RegExp): Promise<void>;
}

function startLive(...args: string[]): Run {
  const child = spawn(process.execPath, [LAUNCHER, "start", "--ports", "free", ...args], {
    cwd: folder.path,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    for (const check of waiting) check();
  });
  const seen = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const check = (): void => {
        if (pattern.test(lines.join("\n"))) resolve();
      };
      waiting.add(check);
      child.once("exit", () => reject(new Error(`It ended before ${pattern} was seen:\n${lines.join("\n")}`)));
      check();
    });
  return { child, lines, seen };
}

async function interrupt({ child, lines }: Run): Promise<void> {
  const exited = once(child, "exit");
  child.kill("SIGINT");
  assert.deepEqual(await exited, [0, null], lines.join("\n"));
  assert.match(lines.join("\n"), /Stopped in \d/);
}

test("what is stopped goes on where it was: no flight is published or processed twice", async () => {
  const first = startLive("--events", "3000", "--rate", "1500");
  // The first hour has closed while flights still come.
  await first.seen(/Mon \d\d–\d\d h: /);
  await interrupt(first);
  assert.ok(!first.lines.some((line) => line.includes("\u001b")), "no escapes outside a terminal");

  const second = startLive("--events", "3000", "--rate", "5000");
  await second.seen(/every flight has been published[\s\S]*(?:delays .*lag 0.*legs .*lag 0.*routes .*lag 0[\s\S]*){2}/);
  await interrupt(second);

  const declared = declarationsOf(folder.path);
  const services = await startServices({ folder: join(folder.path, ".tidemark"), ports: "free", declared });
  const hubs = new HubEnds(services.settings.EventHubConnection);
  try {
    const ends = await hubs.next("flights");
    assert.equal(
      ends.reduce((sum, next) => sum + next, 0),
      3000,
    );
    const logs = await openLogs(services.settings.TidemarkStorage);
    for (const pipeline of ["delays", "legs"]) {
      const states = await statusOf(logs, pipeline, ends.length);
      assert.deepEqual(
        states.map((status) => status?.position),
        ends,
      );
      assert.deepEqual(
        states.map((status) => status?.ledger?.source.processed),
        ends,
      );
    }
  } finally {
    await hubs.close();
    await services.stop();
  }
});
