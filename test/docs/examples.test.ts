import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { compile } from "../support/compile.ts";

const LIB = resolve(import.meta.dirname, "../../lib");

/** What examples may take for granted. */
const PRELUDE = `
import assert from "node:assert/strict";
import { it } from "node:test";
import { app } from "@azure/functions";
import * as tidemark from "tidemark";
import { avg, blobTable, cosmos, cosmosTable, count, files, first, handle, last, max, min, quantile, stream, sum, sweep, table, toHub, tumbling, wakeUps } from "tidemark";
import { simulate, sinkConformance, testDriver } from "tidemark/testing";
import { z } from "zod";
const Flight = z.object({ id: z.string(), origin: z.string(), scheduled: z.iso.datetime(), delay: z.number() });
declare const flight: z.infer<typeof Flight>;
declare const expected: unknown;
declare const mySink: tidemark.Sink<{ id: string; version: number }>;
const airports = table("airports", z.object({ iata: z.string(), state: z.string() }), {
  key: (airport) => airport.iata,
  from: blobTable({ container: "tables", blob: "airports.json" }),
});
const flights = stream("flights", Flight).eventTime((flight) => flight.scheduled, { outOfOrder: "2h" }).keyBy((flight) => flight.origin);
const windowed = flights.window(tumbling("1h"));
const delays = windowed.aggregate("stats", { flights: count() })
  .map("document", ({ key, ...stats }) => ({ id: key, origin: key, ...stats }))
  .to(cosmos({ databaseName: "analytics", containerName: "delays", partitionKey: "/origin" }));
`;

test("every @example in the library compiles", async () => {
  const modules: Record<string, string> = {};
  for (const file of await readdir(LIB, { recursive: true })) {
    if (!file.endsWith(".ts")) continue;
    const text = await readFile(join(LIB, file), "utf8");
    for (const [i, example] of examplesIn(text).entries()) {
      modules[`${file.replace(/[^a-z]+/gi, "_")}_${i}`] =
        `${PRELUDE}export async function example() {\n${example}\n}\n`;
    }
  }
  assert.ok(Object.keys(modules).length >= 8, "the library has examples");
  const errors = await compile(modules);
  assert.deepEqual(Object.fromEntries(errors), {});
});

/** The code of each `@example` block, without the comment's stars. Imports are left to the prelude. */
function examplesIn(text: string): string[] {
  const comments = text.match(/\/\*\*[\s\S]*?\*\//g) ?? [];
  return comments.flatMap((comment) => {
    const [, example] = /@example\s*([\s\S]*?)(?:\n\s*\*\s*@|\*\/$)/.exec(comment) ?? [];
    if (example === undefined) return [];
    const lines = example.split("\n").map((line) => line.replace(/^\s*\* ?/, ""));
    return [lines.filter((line) => !/^(import |```)/.test(line)).join("\n")];
  });
}
