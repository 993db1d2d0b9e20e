import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogView } from "../../../lib/cli/checkpoints/survey.ts";
import { logTable } from "../../../lib/cli/checkpoints/table.ts";
import { createPaint } from "../../../lib/cli/screen/paint.ts";
import { END_OF_TIME, NO_WATERMARK } from "../../../lib/engine/frame.ts";

const NOW = Date.UTC(2026, 0, 1);

function view(partition: string, position: number, watermark: number, lost = 0): LogView {
  const source = { start: 0, processed: position - lost, lost, holes: 0, control: 0 };
  const numbers = { generation: 1, sequence: position, position, watermark, confirmed: position, pendingFrames: 0 };
  const start = { position: 0, hubCreated: 0 };
  const status = { ...numbers, start, idleDue: undefined, ledger: { source, stages: [] } };
  const changed = new Date(NOW - 3 * 3_600_000).toISOString();
  return {
    pipeline: "delays",
    partition,
    state: "present",
    generation: 1,
    status,
    trouble: undefined,
    blobs: [],
    changed,
  };
}

const table = (views: readonly LogView[], width: number) => logTable(views, width, NOW, createPaint(false));

test("a narrow terminal loses the columns that matter least, and a wide one has all", () => {
  const views = [view("0", 1_204_503_100, NOW + 123), view("1", 7, END_OF_TIME), view("2", 0, NO_WATERMARK)];
  const narrow = table(views, 80);
  assert.ok(
    narrow.every((line) => line.length <= 80),
    narrow.join("\n"),
  );
  assert.doesNotMatch(narrow[1] as string, /AGE|SEQUENCE|LOST/);
  assert.match(narrow[2] as string, /1,204,503,100 2026-01-01T00:00:00\.123Z +0 1,204,503,100/);
  const wide = table(views, 120);
  assert.match(wide[1] as string, /PART {2}GEN +SEQUENCE +POSITION +WATERMARK +UNCONF +EVENTS +LATE +DEAD +AGE/);
  assert.match(wide[3] as string, / 7 +end +0 +7 +0 +0 +3h$/);
  assert.match(wide[4] as string, / 0 +none /);
});

test("what retention took is a column where it took something", () => {
  assert.match(table([view("0", 9, NOW, 4)], 100).join("\n"), /LOST +AGE\n.* 5 +0 +0 +4 +3h$/);
});

test("what a log is beside its numbers is said below the table", () => {
  const nothing = { status: undefined, changed: new Date(NOW).toISOString() };
  const trouble = `The checkpoint log is damaged: a frame is missing, in blob "${"x".repeat(30)}" at byte 7.`;
  const lines = table(
    [
      { ...view("0", 0, 0), ...nothing, state: "reset", generation: 4 },
      { ...view("1", 0, 0), ...nothing, state: "unreadable", trouble },
      { ...view("2", 0, 0), ...nothing, state: "ended" },
    ],
    80,
  );
  const text = lines.slice(5).join("\n");
  assert.match(
    text,
    /partition 0 was reset: generation 5 begins(.|\n)*partition 1 is unreadable: The(.|\n)*2: nothing/,
  );
  assert.ok(lines.every((line) => line.length <= 80));
});
