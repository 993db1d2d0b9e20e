import assert from "node:assert/strict";
import { test } from "node:test";
import { heldBack } from "../../../lib/cli/flights/held-back.ts";
import { seededRandom } from "../../../lib/cli/flights/random.ts";

const ROWS = 5000;
const REACH = 300;

async function* chunks(): AsyncGenerator<Uint32Array> {
  for (let at = 0; at < ROWS; at += 500) yield Uint32Array.from({ length: 500 }, (_, index) => at + index);
}

test("yields every row once: a share of them later by a bound, and the others in their order", async () => {
  const rows: number[] = [];
  const holding = { share: 0.1, reach: REACH, random: seededRandom(5) };
  for await (const chunk of heldBack(chunks(), holding)) rows.push(...chunk);
  assert.deepEqual(
    [...rows].sort((a, b) => a - b),
    Array.from({ length: ROWS }, (_, row) => row),
  );
  let newest = -1;
  const late = rows.filter((row) => {
    const comesLate = row < newest;
    newest = Math.max(newest, row);
    return comesLate;
  });
  assert.ok(late.length > 0.08 * ROWS && late.length < 0.12 * ROWS, `${late.length} of ${ROWS} come late`);
  rows.forEach((row, at) => {
    // What is held back makes room for others: all of them move forward a little.
    assert.ok(at - row <= REACH && row - at <= 0.2 * REACH, `row ${row} is number ${at}`);
  });
});
