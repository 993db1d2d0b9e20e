import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const LAUNCHER = fileURLToPath(new URL("../../lib/cli/tidemark.mjs", import.meta.url));
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

function tidemark(args: readonly string[], options: { cwd?: string; env?: Record<string, string> } = {}) {
  const { cwd = ROOT, env = {} } = options;
  return spawnSync(process.execPath, [LAUNCHER, ...args], { cwd, encoding: "utf8", env: { ...process.env, ...env } });
}

function refusedInOneSentence(result: ReturnType<typeof tidemark>, message: RegExp): void {
  assert.equal(result.status, 1);
  assert.equal(result.stdout, "");
  assert.match(result.stderr, message);
  assert.equal(result.stderr.trim().split("\n").length, 1, result.stderr);
}

test("--help lists the commands, and each command its options", () => {
  const overview = tidemark(["--help"]);
  assert.equal(overview.status, 0);
  for (const command of ["start", "services", "build", "infra", "doctor"])
    assert.match(overview.stdout, new RegExp(command));
  const start = tidemark(["start", "--help"]);
  assert.equal(start.status, 0);
  for (const option of ["once", "json", "events N", "noise P", "kill N", "sink none", "ports default", "fresh"]) {
    assert.ok(start.stdout.includes(`--${option}`), option);
  }
  assert.ok(start.stdout.split("\n").every((line) => line.length <= 100));
});

test("an unknown command is refused with a suggestion", () => {
  refusedInOneSentence(tidemark(["strat"]), /There is no command "strat"\. Did you mean "start"\?/);
});

test("options that npm swallowed are noticed", () => {
  const env = { npm_config_once: "true", npm_lifecycle_event: "start" };
  refusedInOneSentence(
    tidemark(["start"], { env }),
    /npm kept the option --once for itself\. Write `npm start -- --once`/,
  );
});

test("an unreadable data file is refused before anything starts", () => {
  refusedInOneSentence(
    tidemark(["start", "--once", "--data", "/no/such/file"]),
    /There is no data file \/no\/such\/file\./,
  );
  const file = join(mkdtempSync(join(tmpdir(), "tidemark-test-")), "broken.parquet");
  writeFileSync(file, "this is no parquet file at all");
  refusedInOneSentence(
    tidemark(["start", "--once", "--data", file]),
    /The flights in .*broken\.parquet cannot be read/,
  );
});

test("options that do not go together are refused", () => {
  refusedInOneSentence(tidemark(["start", "--kill", "2"]), /--kill .*--once/);
  refusedInOneSentence(tidemark(["start", "--json"]), /--json .*--once/);
  refusedInOneSentence(tidemark(["start", "--once", "--events", "none"]), /--events is "none"/);
  refusedInOneSentence(tidemark(["start", "--sink", "disk"]), /--sink is "disk"/);
});

test("a taken port is named when the well-known ones are insisted on", async () => {
  const server = createServer();
  const taken = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(5672, "127.0.0.1", () => resolve(true));
  });
  try {
    const folder = mkdtempSync(join(tmpdir(), "tidemark-test-"));
    const result = tidemark(["services", "--ports", "default"], { cwd: folder });
    refusedInOneSentence(result, /Port \d+ .*(in use|can't be opened|taken)/);
  } finally {
    if (taken) server.close();
  }
});
