import { app } from "@azure/functions";
import { avg, cosmos, count, handle, max, min, stream, tumbling } from "tidemark";
import { Leg } from "./shared/leg.ts";

/** How late each route runs: each day, from the hub that the function `legs` writes. */
export const routes = stream("routes", Leg)
  .eventTime((leg) => leg.scheduled, { watermark: "upstream" })
  .keyBy((leg) => leg.route)
  .window(tumbling("1d", { grace: "6h" }))
  .aggregate("daily", {
    flights: count(),
    avgDelay: avg((leg) => leg.delay),
    minDelay: min((leg) => leg.delay),
    maxDelay: max((leg) => leg.delay),
  })
  .map("document", ({ key: route, ...daily }) => ({ id: `${route}-${daily.windowStart}`, route, ...daily }))
  .to(cosmos({ databaseName: "analytics", containerName: "routes", partitionKey: "/route" }));

app.eventHub("routes", handle(routes, { connection: "EventHubConnection", eventHubName: "legs" }));
