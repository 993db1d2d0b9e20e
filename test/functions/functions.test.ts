import assert from "node:assert/strict";
import { test } from "node:test";
import { testDriver } from "tidemark/testing";
import { delays } from "../../functions/delays.ts";
import { legs } from "../../functions/legs.ts";
import { routes } from "../../functions/routes.ts";
import type { Flight } from "../../functions/shared/flight.ts";
import type { Leg } from "../../functions/shared/leg.ts";
import { formatProducerHeader, PRODUCER_PROPERTY } from "../../lib/engine/headers.ts";

const airports = [
  { iata: "ORD", name: "O'Hare", city: "Chicago", state: "IL" },
  { iata: "LGA", name: "LaGuardia", city: "New York", state: "NY" },
];
const flight: Flight = {
  id: "1",
  scheduled: "2001-01-01T08:15:00Z",
  delay: 20,
  distance: 733,
  origin: "ORD",
  destination: "LGA",
};

test("delays: flights of an hour and an airport become one document", async () => {
  const driver = testDriver(delays, { tables: { airports } });
  await driver.send(flight);
  await driver.send({ ...flight, id: "2", delay: -5 });
  await driver.send({ ...flight, id: "2" });
  await driver.advanceTo("2001-01-01T09:00:00Z");
  assert.deepEqual(driver.results(), [
    {
      id: "ORD-2001-01-01T08:00:00.000Z",
      origin: "ORD",
      airport: "O'Hare",
      state: "IL",
      windowStart: "2001-01-01T08:00:00.000Z",
      windowEnd: "2001-01-01T09:00:00.000Z",
      flights: 2,
      late: 1,
      avgDelay: 7.5,
      p95Delay: 20,
    },
  ]);
});

test("delays: a departure that is implausibly early is a dead letter and moves no time", async () => {
  const driver = testDriver(delays, { tables: { airports } });
  await driver.send({ ...flight, delay: -61 });
  assert.match(driver.deadLetters()[0]?.reason ?? "", /delay/);
  await driver.send(flight);
  await driver.advanceTo("end");
  assert.equal(driver.results().length, 1);
});

test("delays: an airport that is missing in the table is called unknown", async () => {
  const driver = testDriver(delays, { tables: { airports: [] } });
  await driver.send(flight);
  await driver.advanceTo("end");
  assert.equal(driver.results<{ airport: string; state: string }>()[0]?.airport, "unknown");
});

test("legs: hops under 100 miles are left out, the others carry both cities and their route", async () => {
  const driver = testDriver(legs, { tables: { airports } });
  await driver.send({ ...flight, id: "short", distance: 99 });
  await driver.send(flight);
  assert.deepEqual(driver.results<Leg>(), [
    {
      id: "1",
      route: "ORD-LGA",
      scheduled: flight.scheduled,
      delay: 20,
      distance: 733,
      from: "Chicago",
      to: "New York",
    },
  ]);
});

test("routes: legs of a day and a route become one document when every producer has passed the day", async () => {
  const driver = testDriver(routes);
  const leg: Leg = {
    id: "1",
    route: "ORD-LGA",
    scheduled: flight.scheduled,
    delay: 20,
    distance: 733,
    from: "",
    to: "",
  };
  const header = (sequence: number, watermark: number, control: boolean) => ({
    [PRODUCER_PROPERTY]: formatProducerHeader({
      producer: "legs/0",
      generation: 1,
      sequence,
      watermark,
      producers: 1,
      control,
    }),
  });
  await driver.send(leg, { properties: header(1, 0, false) });
  await driver.send({ ...leg, id: "2", delay: -4 }, { properties: header(2, 0, false) });
  await driver.send("", { properties: header(3, Date.UTC(2001, 0, 2), true) });
  assert.deepEqual(driver.results(), [
    {
      id: "ORD-LGA-2001-01-01T00:00:00.000Z",
      route: "ORD-LGA",
      windowStart: "2001-01-01T00:00:00.000Z",
      windowEnd: "2001-01-02T00:00:00.000Z",
      flights: 2,
      avgDelay: 8,
      minDelay: -4,
      maxDelay: 20,
    },
  ]);
});
