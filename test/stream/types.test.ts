import assert from "node:assert/strict";
import { test } from "node:test";
import { compile } from "../support/compile.ts";

const PRELUDE = `
import { count, avg, cosmos, stream, table, blobTable, toHub, tumbling } from "tidemark";
import { z } from "zod";
const Flight = z.object({ id: z.string(), origin: z.string(), scheduled: z.iso.datetime(), delay: z.number() });
const Airport = z.object({ iata: z.string(), state: z.string() });
const airports = table("airports", Airport, { key: (a) => a.iata, from: blobTable({ container: "tables", blob: "a.json" }) });
const flights = stream("flights", Flight);
const timed = flights.eventTime((f) => f.scheduled, { outOfOrder: "2h" });
const target = { databaseName: "d", containerName: "c", partitionKey: "/origin" } as const;
`;

const mistakes: Readonly<Record<string, readonly [code: string, message: RegExp]>> = {
  windowWithoutTime: [
    "flights.keyBy((f) => f.origin).window(tumbling('1h'));",
    /call \.eventTime\(\) before \.window\(\)/,
  ],
  windowWithoutKey: ["timed.window(tumbling('1h'));", /call \.keyBy\(\) before \.window\(\)/],
  dedupeWithoutTime: [
    "flights.dedupe('d', (f) => f.id, { within: '1h' });",
    /call \.eventTime\(\) before \.dedupe\(\)|Missing/,
  ],
  unknownField: ["flights.map('m', (f) => f.dealy);", /'dealy' does not exist/],
  wrongAggregate: [
    "timed.keyBy((f) => f.origin).window(tumbling('1h')).aggregate('s', { mean: avg((f) => f.origin) });",
    /string.*not assignable/s,
  ],
  badDuration: ["tumbling('1 hour');", /'"1 hour"' is not assignable to parameter of type 'Duration'/],
  joinWithoutKey: [
    "flights.joinTable('j', airports, (f, a) => ({ ...f, state: a?.state }));",
    /Expected|No overload matches/,
  ],
  rowMayBeMissing: [
    "flights.joinTable('j', airports, (f, a) => a.state, { on: (f) => f.origin });",
    /'a' is possibly 'undefined'/,
  ],
  documentWithoutId: [
    "timed.keyBy((f) => f.origin).window(tumbling('1h')).aggregate('s', { n: count() }).to(cosmos(target));",
    /id/,
  ],
  hubKeyOfWrongType: ["flights.to(toHub({ eventHubName: 'h', key: (f) => f.delay }));", /number.*not assignable/s],
  sinkOfAnotherType: [
    "const other = toHub<{ route: string }>({ eventHubName: 'h', key: (v) => v.route }); flights.to(other);",
    /not assignable/,
  ],
  unknownErrorPolicy: ["flights.map('m', (f) => f, { onError: 'ignore' });", /"ignore"' is not assignable/],
  retryWithoutDelay: [
    "flights.filter('f', () => true, { onError: { retry: { attempts: 3 } } });",
    /'delay' is missing|No overload matches/,
  ],
  retryWithBadDelay: [
    "flights.flatMap('f', (f) => [f], { onError: { retry: { attempts: 3, delay: '1 second' } } });",
    /"1 second"' is not assignable/,
  ],
  noSink: ["flights.to();", /Expected|Source has 0 element/],
};

const right = `
const pipeline = timed
  .filter("known", (f) => f.delay > 0, { onError: "stop" })
  .keyBy((f) => f.origin, { onError: { retry: { attempts: 3, delay: "1s", maxDelay: "1m", backoff: 1.5 } } })
  .joinTable("with-airport", airports, (f, a) => ({ ...f, state: a?.state ?? "unknown" }))
  .window(tumbling("1h", { grace: "6h" }))
  .aggregate("stats", { flights: count(), mean: avg((f) => f.delay) })
  .map("document", ({ key, ...rest }) => {
    const flights: number = rest.flights;
    const mean: number | null = rest.mean;
    return { id: key + rest.windowStart, origin: key, flights, mean };
  })
  .to(cosmos(target));
flights.joinTable("j", airports, (f, a) => a.state, { on: (f) => f.origin, missing: "dead-letter" });
flights.joinTable("k", airports, (f, a) => a.state, {
  on: (f) => f.origin,
  missing: "dead-letter",
  onError: { retry: { attempts: 3, delay: "1s" }, otherwise: "stop" },
});
flights.filter("narrow", (f): f is typeof f & { origin: "ORD" } => f.origin === "ORD").map("m", (f): "ORD" => f.origin);
export { pipeline };
`;

test("mistakes are compile errors that say what to do, and right code compiles", async () => {
  const modules = Object.entries(mistakes).map(([name, [code]]) => [name, `${PRELUDE}${code}\nexport {};\n`]);
  const errors = await compile(Object.fromEntries([...modules, ["right", PRELUDE + right]]));
  assert.deepEqual(errors.get("right") ?? [], []);
  for (const [name, [, message]] of Object.entries(mistakes)) {
    const found = errors.get(name) ?? [];
    assert.equal(found.length > 0, true, `${name} compiles`);
    assert.match(found.join("\n"), message, name);
  }
});
