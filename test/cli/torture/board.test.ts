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

const DEBT = { generation: 1, confirmed: 4, sequence: 6 };

function frame(s: number, { task = "delays/0", g = 1 } = {}) {
  return { task, g, s, n: `of ${s}` };
}

test("a paused owner that owes results must have one of those tasks taken over", () => {
  const board = new Board();
  opened(board, "a");
  began(board, "a");
  opened(board, "b");
  assert.deepEqual([board.busy("a"), board.inHand("a")], [false, ["delays/0"]]);
  board.pauseBegan("a", new Map([["delays/0", DEBT]]));
  assert.equal(board.takingOver, true, "b had opened the partition before, and has not committed");
  committed(board, "b", 1);
  assert.deepEqual([board.takeovers, board.zombies, board.takingOver], [1, 1, false]);
});

test("what it owes is stale once a frame beyond it has overwritten a document of a frame that it owes", () => {
  const board = new Board();
  const stale = () => [...board.staleOf("a")];
  board.pauseBegan("a", new Map(["delays/0", "delays/1"].map((task) => [task, DEBT])));
  board.overtaken(frame(4), frame(7));
  assert.deepEqual(stale(), [], "it has delivered frame 4");
  board.overtaken(frame(5), frame(6));
  assert.deepEqual(stale(), [], "it owes both, and delivers both");
  board.overtaken(frame(7), frame(8));
  board.overtaken(frame(5, { task: "delays/2" }), frame(7, { task: "delays/2" }));
  board.overtaken(frame(5, { g: 2 }), frame(7, { g: 2 }));
  assert.deepEqual(stale(), [], "it owes none of these");
  board.overtaken(frame(6), frame(7));
  assert.deepEqual(stale(), ["delays/0"]);
  board.overtaken(frame(5, { task: "delays/1" }), frame(2, { task: "delays/1", g: 2 }));
  assert.deepEqual(stale(), ["delays/0", "delays/1"]);
  board.pauseEnded("a");
  assert.deepEqual([board.debtors, stale()], [2, []]);
});

test("what a host that lost its partition says of it late does not take back how far the next owner has come", () => {
  const board = new Board();
  const read = (instance: string, sequenceNumber: number): void => {
    board.event(instance, { kind: "checkpointed", ...TASK, sequenceNumber });
    assert.equal(board.status()[0]?.checkpointedSequence, Math.max(1_328, sequenceNumber));
  };
  read("b", 1_328);
  read("a", 1_988);
  board.event("b", { kind: "checkpointed", ...TASK, sequenceNumber: 1_328 });
  assert.equal(board.status()[0]?.checkpointedSequence, 1_988);
});
