import { app } from "@azure/functions";
import { handle, stream, toHub } from "tidemark";
import { airports } from "./shared/airports.ts";
import { Flight } from "./shared/flight.ts";

/** Flights of 100 miles or more with the cities they connect, keyed by route: the hub `legs`. */
export const legs = stream("legs", Flight)
  .eventTime((flight) => flight.scheduled, { outOfOrder: "2h" })
  .dedupe("by-id", (flight) => flight.id, { within: "12h" })
  .filter("far-enough", (flight) => flight.distance >= 100)
  .joinTable("from", airports, (flight, airport) => ({ ...flight, from: airport?.city ?? "unknown" }), {
    on: (flight) => flight.origin,
  })
  .joinTable("destination", airports, (flight, airport) => ({ ...flight, to: airport?.city ?? "unknown" }), {
    on: (flight) => flight.destination,
  })
  .map("leg", ({ id, scheduled, delay, distance, origin, destination, from, to }) => ({
    id,
    route: `${origin}-${destination}`,
    scheduled,
    delay,
    distance,
    from,
    to,
  }))
  .to(toHub({ eventHubName: "legs", key: (leg) => leg.route }));

app.eventHub("legs", handle(legs, { connection: "EventHubConnection", eventHubName: "flights" }));
