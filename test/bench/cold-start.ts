/**
 * How long the bundle takes to import in a fresh process, as after a cold start, and how large its upload is. Prints the
 * median of seven; compiled code is not kept between the processes.
 *
 *     node test/bench/cold-start.ts [--json]
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { deflateRawSync } from "node:zlib";
import { bundleApp } from "../../lib/cli/build/bundle.ts";

const RUNS = 7;
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const folder = mkdtempSync(join(tmpdir(), "tidemark-cold-start-"));
try {
  const files = await bundleApp(ROOT, folder);
  const zippedBytes = files.reduce((sum, file) => sum + deflateRawSync(readFileSync(file)).length, 0);
  const app = importTimes(pathToFileURL(join(folder, "main.js")).href);
  const nothing = importTimes("node:path");
  const figures = {
    importMs: { median: median(app), all: app.map(Math.round) },
    bareNodeMs: median(nothing),
    zippedBytes,
  };
  if (process.argv.includes("--json")) console.log(JSON.stringify(figures, null, 2));
  else {
    console.log(
      `import of the bundle: ${figures.importMs.median} ms (median of ${RUNS}: ${figures.importMs.all.join(", ")})`,
    );
    console.log(`upload: ${Math.round(zippedBytes / 1024)} KB zipped`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Milliseconds that `import()` of a module takes, each time in a process of its own. */
function importTimes(module: string): number[] {
  const code = `
    // The worker provides this module; without it the library only warns.
    console.warn = () => {};
    const started = performance.now();
    await import(${JSON.stringify(module)});
    console.log(performance.now() - started);
    process.exit();
  `;
  return Array.from({ length: RUNS }, () => {
    const env = { ...process.env };
    delete env.NODE_COMPILE_CACHE;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", code], {
      encoding: "utf8",
      env,
    });
    const time = Number(stdout.trim().split("\n").at(-1));
    if (!(time > 0)) throw new Error(`The import failed: ${stderr}`);
    return time;
  });
}

function median(values: readonly number[]): number {
  return Math.round([...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number);
}
