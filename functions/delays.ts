import { app } from "@azure/functions";
import { avg, cosmos, count, first, handle, quantile, stream, tumbling } from "tidemark";
import { airports } from "./shared/airports.ts";
import { Flight } from "./shared/flight.ts";

/** How late flights leave: each hour, by airport of origin. */
export const delays = stream("delays", Flight)
  .eventTime((flight) => flight.scheduled, { outOfOrder: "2h" })
  .dedupe("by-id", (flight) => flight.id, { within: "12h" })
  .keyBy((flight) => flight.origin)
  .joinTable("with-airport", airports, (flight, airport) => ({
    ...flight,
    airport: airport?.name ?? "unknown",
    state: airport?.state ?? "unknown",
  }))
  .window(tumbling("1h", { grace: "6h" }))
  .aggregate("stats", {
    airport: first((flight) => flight.airport),
    state: first((flight) => flight.state),
    flights: count(),
    late: count((flight) => flight.delay > 15),
    avgDelay: avg((flight) => flight.delay),
    p95Delay: quantile(0.95, (flight) => flight.delay),
  })
  .map("document", ({ key: origin, ...stats }) => ({ id: `${origin}-${stats.windowStart}`, origin, ...stats }))
  .to(cosmos({ databaseName: "analytics", containerName: "delays", partitionKey: "/origin" }));

app.eventHub("delays", handle(delays, { connection: "EventHubConnection", eventHubName: "flights" }));
