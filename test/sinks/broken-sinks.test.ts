import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sinkConformance } from "tidemark/testing";
import { BAD, FLAWS, type Flaw, Shelf, shelfSink, type Versioned } from "./broken-sinks.ts";

type Keeps = "latest" | "every";

/** Which case tells a flaw, and for what kind of sink it is one. */
const TOLD_BY: Readonly<Record<(typeof FLAWS)[number], readonly [Keeps, string]>> = {
  "appends what it has already": ["every", "makes once of twice"],
  "remembers in one owner's memory what was delivered": [
    "every",
    "makes once of twice when a second owner delivers again",
  ],
  "is not fenced": ["latest", "does not let an older frame replace a newer one"],
  "fences all tasks together": ["latest", "keeps tasks apart: each numbers its own frames"],
  "fences without the generation": ["latest", "begins anew after a reset, and bears an owner from before it"],
  "blocks on one bad value": [
    "latest",
    "refuses what can never be written, as often as it is asked, and writes the rest",
  ],
  "leaves out the rest of a frame with a bad value": [
    "every",
    "refuses what can never be written, as often as it is asked, and writes the rest",
  ],
  "tells once what it refused": [
    "latest",
    "refuses what can never be written, as often as it is asked, and writes the rest",
  ],
  "takes a frame for done before it is written": [
    "latest",
    "loses nothing when the service fails in the midst of a frame",
  ],
  "writes a frame from its end": ["every", "keeps the order of a key within a frame"],
  "leaves out the first frame": ["every", "delivers every value of every frame"],
  "gives up for good": ["latest", "gives up as retryable when its time is over, and delivers later"],
  "writes when its time is over": ["latest", "gives up as retryable when its time is over, and delivers later"],
};

/** The cases that a sink fails, each with what it was told. */
async function failures(keeps: Keeps, flaw: Flaw): Promise<Map<string, Error>> {
  const failed = new Map<string, Error>();
  const cases = sinkConformance<Versioned>(async () => {
    const shelf = new Shelf();
    return {
      sink: shelfSink(shelf, keeps, flaw),
      keeps,
      value: (key, version) => ({ key, version }),
      read: async () => new Map([...shelf.cells].map(([key, { versions }]) => [key, versions])),
      impossible: () => ({ key: BAD, version: 0 }),
      interrupt: () => {
        shelf.failing = true;
      },
    };
  });
  for (const { name, run } of cases) await run().catch((error: Error) => failed.set(name, error));
  return failed;
}

describe("the conformance cases for sinks", () => {
  it("pass a sink that keeps to every rule", async () => {
    for (const keeps of ["latest", "every"] as const) assert.deepEqual([...(await failures(keeps, "none"))], []);
  });

  for (const flaw of FLAWS) {
    it(`tell a sink that ${flaw}`, async () => {
      const [keeps, name] = TOLD_BY[flaw];
      const failed = await failures(keeps, flaw);
      assert.ok(failed.has(name), `it fails only: ${[...failed.keys()].join("; ") || "nothing"}`);
    });
  }

  it("say what a reader finds and what it should", async () => {
    const error = (await failures("latest", "is not fenced")).get("does not let an older frame replace a newer one");
    assert.match(String(error?.message), /A reader finds \{"ORD":\[1\].*and should find \{"ORD":\[2\]/);
  });
});
