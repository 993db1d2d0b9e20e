import type { Differences } from "./differences.ts";
import type { FlightsFold } from "./fold-flights.ts";
import { type PipelineLedger, totalOf } from "./ledgers.ts";

/** The row of the ledger that stands for the hub itself. */
const SOURCE = "source";

/**
 * Holds the ledgers against what should have happened, and one hub's sent against the other's received. Answers whether
 * every ledger balances in itself.
 */
export function compareLedgers(
  ledgers: Readonly<Record<string, PipelineLedger>>,
  fold: FlightsFold,
  differences: Differences,
): boolean {
  const { delays, legs, routes } = ledgers;
  if (delays === undefined || legs === undefined || routes === undefined) {
    differences.add("the ledger of a pipeline is missing");
    return false;
  }
  for (const [name, ledger] of [
    ["delays", delays],
    ["legs", legs],
  ] as const) {
    differences.equal(`events that ${name} processed`, ledger.processed, fold.events);
    differences.equal(`dead letters in the ledger of ${name}`, totalOf(ledger, "deadLettered"), fold.malformed.length);
    differences.equal(`duplicates in the ledger of ${name}`, totalOf(ledger, "duplicate"), fold.duplicates);
  }
  const undecidable = fold.undecidable.length;
  differences.equal(
    "late events in the ledger of delays",
    totalOf(delays, "late"),
    undecidable + fold.lateForHour.length,
  );
  differences.equal("late events in the ledger of legs", totalOf(legs, "late"), undecidable);
  differences.equal("short hops in the ledger of legs", totalOf(legs, "filtered"), fold.shortHops);
  differences.equal("late events in the ledger of routes", totalOf(routes, "late"), fold.lateForDay);
  // What was sent twice because a sender was killed is dropped by the reader, and counted as a duplicate there.
  const received = routes.processed - stageCount(routes, SOURCE, "duplicate");
  const sent = legs.stages.at(-1)?.passed ?? 0;
  differences.equal("legs that were sent", sent, fold.legs);
  differences.equal("legs that routes received", received, sent);
  for (const [name, { lost, holes }] of Object.entries(ledgers))
    differences.equal(`events lost by ${name}`, lost + holes, 0);
  return Object.values(ledgers).every(({ balanced }) => balanced);
}

function stageCount(ledger: PipelineLedger, stage: string, column: "duplicate"): number {
  return ledger.stages.find((row) => row.stage === stage)?.[column] ?? 0;
}
