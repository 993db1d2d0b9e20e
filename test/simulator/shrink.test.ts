import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, it } from "node:test";
import { LAUNCHER } from "../end-to-end/app-folder.ts";

const PRELOAD = new URL("mutants/preload.ts", import.meta.url).href;
/** A variant that drops what the host leaves out, and a seed in which it does. */
const [BROKEN, SEED] = ["no-gap-repair", "8"];
const ALL_EVENTS = 100;

/** Runs `npm run sim` with arguments, on a broken variant or as it is. */
function sim(given: readonly string[], variant?: string): Promise<{ readonly code: unknown; readonly out: string }> {
  const broken = variant === undefined ? [] : ["--import", PRELOAD];
  const options = { env: { ...process.env, BROKEN_VARIANT: variant } };
  return new Promise((resolve) => {
    execFile(process.execPath, [...broken, LAUNCHER, "sim", ...given], options, (error, out) => {
      resolve({ code: error?.code ?? 0, out });
    });
  });
}

describe("a seed that fails", () => {
  it("shrinks to a command that fails in the same way, and tells what happened", async () => {
    const { code, out } = await sim(["--first", SEED, "--seeds", "1"], BROKEN);
    assert.equal(code, 1, out);
    const [, violation, command] = out.match(/^Seed 8 fails: (.+)\n {2}npm run sim -- (.+)$/m) ?? [];
    const [, events, faults] = command?.match(/--events (\d+) --faults ([\d,]+|none)$/) ?? [];
    assert.ok(Number(events) < ALL_EVENTS && String(faults).split(",").length < 3, command);
    const replayed = await sim(String(command).split(" "), BROKEN);
    assert.equal(replayed.code, 1);
    const kind = /counts \d+ holes where there are 0/;
    assert.match(String(violation), kind);
    assert.match(replayed.out, kind);
    for (const told of [/is given stats\/\d from/, /opens the log of stats\/\d behind frame/, /committed .* up to \d+/])
      assert.match(replayed.out, told);
    const mended = await sim(String(command).split(" "));
    assert.deepEqual([mended.code, /No violation\./.test(mended.out)], [0, true]);
  });
});
