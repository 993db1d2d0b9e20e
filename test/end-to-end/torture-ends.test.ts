import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { LAUNCHER, temporaryAppFolder } from "./app-folder.ts";
import { eventually, processesWith } from "./processes.ts";

const folder = temporaryAppFolder();
after(() => folder.remove());

/** Long enough for a busy machine. What is waited for comes much sooner; what is measured is compared with the start. */
const PATIENCE_MS = 60_000;
const ENDS_WITHIN_MS = 10_000;

/** A torture whose processes can be told from others by a folder of their own for temporary files. */
function torture(name: string, kills: number) {
  const temporary = join(folder.path, name);
  mkdirSync(temporary);
  const child = spawn(
    process.execPath,
    [LAUNCHER, "torture", "--kills", String(kills), "--seed", "3", "--rate", "200"],
    {
      cwd: folder.path,
      stdio: ["ignore", "ignore", "pipe"],
      env: { NODE_COMPILE_CACHE: join(tmpdir(), "tidemark-compile-cache"), ...process.env, TMPDIR: temporary },
    },
  );
  return { child, log: text(child.stderr), processes: () => processesWith(`TMPDIR=${temporary}`) };
}

async function says(child: ChildProcess, word: string): Promise<void> {
  const ended = once(child, "exit").then(() => assert.fail(`It ended before it said "${word}".`));
  const said = new Promise<void>((resolve) => {
    child.stderr?.on("data", (chunk: Buffer | string) => String(chunk).includes(word) && resolve());
  });
  await Promise.race([said, ended]);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    // It has ended between the look and the shot.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

test("a torture whose service dies says at once which one, how and what it said last, and leaves nothing behind", {
  skip: process.platform !== "linux",
  timeout: 5 * PATIENCE_MS,
  concurrency: true,
}, async (t) => {
  const services = [
    { title: "Azurite", module: "storage/server.ts" },
    { title: "Cosmos DB", module: "cosmos-child.ts" },
  ];
  const deaths = services.map(({ title, module }) =>
    t.test(title, async () => {
      // With so many kills to come, the outages and pauses are still far when the first one strikes.
      const { child, log, processes } = torture(module.replaceAll(/\W/g, "-"), 100);
      const started = performance.now();
      await says(child, "kill ");
      const startMs = performance.now() - started;
      const exit = once(child, "exit");
      // One that is just being stopped by the torture is not the one to kill: then it is the next.
      const pids: number[] = [];
      let killed = 0;
      while (child.exitCode === null) {
        const service = processes().find(({ command, pid }) => command.includes(module) && !pids.includes(pid));
        if (service !== undefined) {
          kill(service.pid);
          pids.push(service.pid);
          killed = performance.now();
        }
        await sleep(200);
      }
      const milliseconds = performance.now() - killed;
      const [code] = await exit;
      assert.equal(code, 1);
      const said = new RegExp(`${title}.* (by itself with|was starting:|its process ended with) SIGKILL`).exec(
        await log,
      );
      assert.ok(said !== null, await log);
      // One that was just being started again by the torture has no number yet.
      const [, pid] = /\(process (\d+)\)/.exec(said[0]) ?? [];
      assert.ok(pid === undefined || pids.includes(Number(pid)), await log);
      const times = `it ended after ${milliseconds} ms, and it took ${startMs} ms to begin`;
      // On a machine that is slow at the moment, a good end takes its time too.
      assert.ok(milliseconds < ENDS_WITHIN_MS + startMs, times);
      const gone = await eventually(PATIENCE_MS, () => (processes().length === 0 ? true : undefined));
      assert.ok(gone, JSON.stringify(processes()));
    }),
  );
  await Promise.all(deaths);
});

test("a torture that is killed itself leaves no process behind, not even one that it had stopped", {
  skip: process.platform !== "linux",
  timeout: 5 * PATIENCE_MS,
}, async () => {
  const { child, processes } = torture("killed", 1);
  await says(child, "paused instance");
  const stopped = await eventually(PATIENCE_MS, () => {
    const all = processes().filter((one) => one.stopped);
    return all.length >= 2 ? all : undefined;
  });
  assert.ok(stopped, "a host and its worker stand still");
  child.kill("SIGKILL");
  await once(child, "exit");
  const gone = await eventually(PATIENCE_MS, () => (processes().length === 0 ? true : undefined));
  const left = processes();
  for (const { pid } of left) kill(pid);
  assert.ok(gone, `still there: ${JSON.stringify(left)}`);
});
