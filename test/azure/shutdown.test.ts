import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { it } from "node:test";

const MODULE = new URL("../../lib/azure/shutdown.ts", import.meta.url).href;

it("SIGTERM drains first, and then ends the process", async () => {
  const child = spawn(process.execPath, [
    "--input-type=module",
    "--eval",
    `import { drainOnSignal } from ${JSON.stringify(MODULE)};
     setInterval(() => undefined, 1000);
     drainOnSignal(async () => {
       await new Promise((resolve) => setTimeout(resolve, 50));
       console.log("drained");
     });
     console.log("ready");`,
  ]);
  let output = "";
  child.stdout.on("data", (chunk) => {
    if (output === "") child.kill("SIGTERM");
    output += chunk;
  });
  const [code, signal] = await once(child, "close");
  assert.deepEqual([code, signal, output], [null, "SIGTERM", "ready\ndrained\n"]);
});
