import assert from "node:assert/strict";
import { test } from "node:test";
import { airportsCsv, parseAirports, parseCsv } from "../../../lib/cli/flights/airports.ts";
import { departures } from "../../../lib/cli/flights/departures.ts";
import { FlightTable } from "../../../lib/cli/flights/flight-table.ts";
import { flightMessages } from "../../../lib/cli/flights/messages.ts";
import { readAhead } from "../../../lib/cli/flights/read-ahead.ts";
import { openFlights } from "../../../lib/cli/flights/read-flights.ts";
import { judgeFlight } from "../../../lib/cli/verify/judge-flight.ts";

const HOUR_MS = 3_600_000;

async function rowsOf(order: AsyncIterable<Uint32Array>): Promise<number[]> {
  const rows: number[] = [];
  for await (const chunk of order) rows.push(...chunk);
  return rows;
}

async function bodies(events: number, noise: number, seed: number): Promise<Uint8Array[]> {
  const file = await openFlights(events);
  const all: Uint8Array[] = [];
  for await (const chunk of flightMessages(file.table, departures(file), { noise, seed })) {
    for (const { body } of chunk) all.push(body);
  }
  return all;
}

test("flights come in order of actual departure, each once", async () => {
  const file = await openFlights(5000);
  const rows = await rowsOf(departures(file));
  assert.equal(new Set(rows).size, 5000);
  for (let i = 1; i < rows.length; i++) {
    const [before, after] = [rows[i - 1] as number, rows[i] as number];
    assert.ok(file.table.departure(before) <= file.table.departure(after), `row ${before} before row ${after}`);
  }
  assert.notDeepEqual(
    rows,
    [...rows].sort((a, b) => a - b),
  );
});

test("the order does not depend on how the file is cut into groups", async () => {
  const delays = Array.from({ length: 200 }, (_, row) => ((row * 7919) % 1500) - 600);
  const orders = await Promise.all(
    [1, 7, 50, 200].map((size) => {
      const table = new FlightTable(delays.length);
      const readGroup = async (from: number): Promise<number> => {
        const to = Math.min(delays.length, from + size);
        for (let row = from; row < to; row++) {
          table.setScheduled(row, row * HOUR_MS);
          table.setDelay(row, delays[row] as number);
        }
        return to;
      };
      return rowsOf(departures({ table, readGroup }));
    }),
  );
  for (const order of orders) assert.deepEqual(order, orders[0]);
});

test("there are exactly as many messages as asked for, noise included, and one seed makes one stream", async () => {
  const clean = await bodies(4000, 0, 1);
  assert.equal(clean.length, 4000);
  // Three of the first 4000 flights left more than an hour early, if the data is to be believed.
  const implausible = clean.filter((body) => judgeFlight(body) === undefined).length;
  assert.ok(implausible < 10, String(implausible));

  const noisy = await bodies(4000, 0.1, 1);
  assert.equal(noisy.length, 4000);
  const malformed = noisy.filter((body) => judgeFlight(body) === undefined).length;
  const ids = noisy.flatMap((body) => judgeFlight(body)?.id ?? []);
  const duplicates = ids.length - new Set(ids).size;
  assert.ok(malformed > 200 && malformed < 350, `${malformed} malformed of about 266`);
  assert.ok(duplicates > 90 && duplicates < 180, `${duplicates} duplicates of about 133`);

  assert.deepEqual(await bodies(4000, 0.1, 1), noisy);
  assert.notDeepEqual(await bodies(4000, 0.1, 2), noisy);
});

test("quoted cells may hold commas, quotes and line ends", () => {
  assert.deepEqual(parseCsv('a,b\r\n"x, ""y""\nz",\n\n,1'), [
    ["a", "b"],
    ['x, "y"\nz', ""],
    ["", "1"],
  ]);
});

test("the airports' names survive their quotes", async () => {
  const airports = parseAirports(await airportsCsv());
  assert.equal(airports.length, 3376);
  assert.equal(airports.find(({ iata }) => iata === "DBN")?.name, 'W. H. "Bud" Barron');
  assert.equal(airports.find(({ iata }) => iata === "BTR")?.state, "LA");
});

test("reading ahead begins before anybody asks, keeps one value ready, and fails in turn", async () => {
  const given: number[] = [];
  async function* source() {
    for (let value = 1; value <= 3; value++) {
      given.push(value);
      yield value;
    }
    throw new Error("the file is cut off");
  }
  const ahead = readAhead(source());
  assert.deepEqual(given, [1]);
  const taken: number[] = [];
  await assert.rejects(async () => {
    for await (const value of ahead) {
      taken.push(value);
      assert.equal(given.length, Math.min(value + 1, 3));
    }
  }, /cut off/);
  assert.deepEqual(taken, [1, 2, 3]);
});
