import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogStatus } from "../../../lib/checkpoint/checkpoint-log.ts";
import { compareLedgers } from "../../../lib/cli/verify/compare-ledgers.ts";
import { Differences } from "../../../lib/cli/verify/differences.ts";
import type { FlightsFold } from "../../../lib/cli/verify/fold-flights.ts";
import { type PipelineLedger, sumLedgers } from "../../../lib/cli/verify/ledgers.ts";
import type { StageCounts } from "../../../lib/engine/frame.ts";

const NONE = { passed: 0, aggregated: 0, filtered: 0, late: 0, deadLettered: 0, duplicate: 0 };
const row = (stage: string, counts: Partial<StageCounts>): StageCounts => ({
  stage,
  in: 0,
  out: 0,
  ...NONE,
  ...counts,
});

function task(processed: number, ...stages: StageCounts[]): LogStatus {
  const ledger = { source: { start: 0, processed, lost: 0, holes: 0, control: 0 }, stages };
  const position = processed;
  return { position, ledger, start: { position: 0, hubCreated: 0 } } as Partial<LogStatus> as LogStatus;
}

/** Twelve flights, of which ten are legs on two partitions; the network sent one of them twice. */
function ledgers(received: number): Record<string, PipelineLedger> {
  const legs = (events: number, sent: number) =>
    task(
      events,
      row("source", { in: events, passed: events, out: events }),
      row("long-enough", { in: events, passed: sent, filtered: events - sent, out: sent }),
      row("to-legs", { in: sent, passed: sent }),
    );
  const routes = task(received, row("source", { in: received, passed: received - 1, duplicate: 1, out: received - 1 }));
  const delays = task(12, row("source", { in: 12, passed: 12, out: 12 }));
  return { delays: sumLedgers([delays]), legs: sumLedgers([legs(6, 6), legs(6, 4)]), routes: sumLedgers([routes]) };
}

const FOLD: Partial<FlightsFold> = {
  events: 12,
  malformed: [],
  duplicates: 0,
  undecidable: [],
  lateForHour: [],
  lateForDay: 0,
  shortHops: 2,
  legs: 10,
};

function differences(found: Record<string, PipelineLedger>): { readonly balanced: boolean; readonly first: string[] } {
  const noted = new Differences();
  return { balanced: compareLedgers(found, FOLD as FlightsFold, noted), first: noted.first };
}

test("what legs sent on all its partitions is what routes received, duplicates aside", () => {
  assert.deepEqual(differences(ledgers(11)), { balanced: true, first: [] });
});

test("a message that never came, or came from nowhere, is a difference with both numbers", () => {
  assert.deepEqual(differences(ledgers(10)).first, ["legs that routes received: 9, and it should be 10"]);
  assert.deepEqual(differences(ledgers(12)).first, ["legs that routes received: 11, and it should be 10"]);
});

test("a row that does not add up, or a position, is no balance", () => {
  const odd = sumLedgers([task(3, row("source", { in: 3, passed: 2 }))]);
  assert.equal(odd.balanced, false);
  const far = { ...task(3, row("source", { in: 3, passed: 3 })), position: 4 };
  assert.equal(sumLedgers([far]).balanced, false);
  assert.equal(differences({ ...ledgers(11), delays: { ...odd, processed: 12 } }).balanced, false);
});
