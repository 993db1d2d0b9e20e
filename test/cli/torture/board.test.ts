import assert from "node:assert/strict";
import { test } from "node:test";
import { Board } from "../../../lib/cli/torture/board.ts";

const TASK = { functionName: "delays", partition: "0" };

function opened(board: Board, instance: string): void {
  board.event(instance, { kind: "partition-opened", ...TASK });
}

function began(board: Board, instance: string): void {
  board.event(instance, { kind: "invocation-started", ...TASK, invocationId: `of ${instance}`, count: 1 });
}

function committed(board: Board, instance: string, position: number): void {
  const message = `tidemark ${JSON.stringify({ metric: "commit", pipeline: "delays", partition: "0", position })}`;
  board.log(instance, { level: "debug", category: "x", message });
}

test("a take-over counts when another has committed while the owner stood still", () => {
  const board = new Board();
  opened(board, "a");
  began(board, "a");
  board.pauseBegan("a");
  committed(board, "b", 1);
  assert.equal(board.takingOver, true, "b has not opened the partition");
  opened(board, "b");
  assert.deepEqual([board.takeovers, board.takingOver], [0, true]);
  committed(board, "b", 2);
  committed(board, "b", 3);
  assert.deepEqual([board.takeovers, board.zombies, board.rebalances, board.takingOver], [1, 1, 0, false]);
});

test("an owner that had nothing in hand is no zombie, and one that woke before was not taken over", () => {
  const idle = new Board();
  opened(idle, "a");
  idle.pauseBegan("a");
  opened(idle, "b");
  committed(idle, "b", 1);
  assert.deepEqual([idle.takeovers, idle.zombies], [1, 0]);

  const early = new Board();
  opened(early, "a");
  early.pauseBegan("a");
  opened(early, "b");
  early.pauseEnded("a");
  committed(early, "b", 1);
  assert.deepEqual([early.takeovers, early.zombies, early.rebalances], [0, 0, 1]);
});

test("what an instance had in hand is over when it is gone", () => {
  const board = new Board();
  opened(board, "a");
  began(board, "a");
  assert.equal(board.busy("a"), true);
  board.gone("a");
  assert.deepEqual([board.busy("a"), board.status()[0]?.running, board.status()[0]?.failures], [false, 0, 1]);
  opened(board, "b");
  assert.equal(board.rebalances, 1);
});

test("an owner that owes results is a debtor when one of those tasks was taken over, and stale when others went beyond", () => {
  const board = new Board();
  opened(board, "a");
  began(board, "a");
  board.pauseBegan("a", new Set(["delays/0", "delays/1"]));
  opened(board, "b");
  committed(board, "b", 1);
  assert.deepEqual([board.debtors, board.zombies, board.takingOver], [1, 1, false]);
  for (const position of [2, 3]) committed(board, "b", position);
  assert.equal(board.allStale("a"), false, "nobody has gone on with delays/1");
});

test("a partition that another had opened before its owner was stopped counts once the other has committed", () => {
  const board = new Board();
  opened(board, "a");
  began(board, "a");
  opened(board, "b");
  assert.deepEqual([board.busy("a"), board.inHand("a")], [false, ["delays/0"]]);
  board.pauseBegan("a", new Set(["delays/0"]));
  assert.equal(board.takingOver, true);
  for (const position of [1, 2, 3]) committed(board, "b", position);
  assert.deepEqual([board.debtors, board.takingOver, board.allStale("a")], [1, false, true]);
});
