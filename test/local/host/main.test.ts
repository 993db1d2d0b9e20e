import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type TestApp, writeApp } from "./support.ts";

const MAIN = fileURLToPath(new URL("../../../lib/local/host/main.ts", import.meta.url));
const SLOW = `
import { app } from "@azure/functions";
app.get("slow", async (request, context) => {
  context.log("begun in " + process.pid);
  await new Promise((resolve) => setTimeout(resolve, 400));
  context.log("finished");
  return { body: "done" };
});
setInterval(() => {}, 1000);
app.hook.appTerminate(() => console.log("terminated in good order"));
`;

describe("the host as a program", () => {
  let app: TestApp;
  let child: ChildProcess | undefined;
  afterEach(async () => {
    child?.kill("SIGKILL");
    await app.remove();
  });

  function run(folder: string): { text: () => string; until: (pattern: RegExp) => Promise<RegExpMatchArray> } {
    let output = "";
    const started = spawn(process.execPath, [MAIN, folder], { env: { ...process.env, PORT: "0" } });
    child = started;
    started.stdout.on("data", (chunk) => {
      output += chunk;
    });
    started.stderr.on("data", (chunk) => {
      output += chunk;
    });
    const until = async (pattern: RegExp): Promise<RegExpMatchArray> => {
      for (let i = 0; i < 500; i++) {
        const match = pattern.exec(output);
        if (match !== null) return match;
        await sleep(20);
      }
      throw new Error(`${pattern} did not appear in:\n${output}`);
    };
    return { text: () => output, until };
  }

  it("drains on SIGTERM: what runs is finished, then the worker is ended", async () => {
    app = await writeApp({ "main.ts": SLOW });
    const { until, text } = run(app.folder);
    const [, port] = await until(/HTTP on port (\d+)/);
    const answer = fetch(`http://127.0.0.1:${port}/api/slow`).then((response) => response.text());
    await until(/begun in/);
    child?.kill("SIGTERM");
    const exited = once(child as ChildProcess, "exit");
    assert.equal(await answer, "done");
    assert.deepEqual(await exited, [0, null]);
    assert.match(text(), /finished/);
    assert.match(text(), /terminated in good order/);
  });

  it("leaves no worker behind when it is killed", async () => {
    app = await writeApp({ "main.ts": SLOW });
    const { until } = run(app.folder);
    const [, port] = await until(/HTTP on port (\d+)/);
    fetch(`http://127.0.0.1:${port}/api/slow`).catch(() => {});
    const [, pid] = await until(/begun in (\d+)/);
    child?.kill("SIGKILL");
    await once(child as ChildProcess, "exit");
    const alive = () => {
      try {
        return process.kill(Number(pid), 0);
      } catch {
        return false;
      }
    };
    for (let i = 0; alive() && i < 250; i++) await sleep(20);
    assert.equal(alive(), false);
  });

  it("says what is wrong in one line and exits with 1", async () => {
    app = await writeApp({ "host.json": "{" });
    const { text } = run(app.folder);
    assert.deepEqual(await once(child as ChildProcess, "exit"), [1, null]);
    assert.match(text(), /^host\.json can't be read: [^\n]+\n$/);
  });
});
