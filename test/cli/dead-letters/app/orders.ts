import { app } from "@azure/functions";
import { cosmos, count, handle, stream, tumbling } from "tidemark";
import { z } from "zod";

/** What today's code refuses: a test mends it. */
export const refused: Set<string> = new Set(["bad", "bad-too"]);

const Order = z.object({ id: z.string(), at: z.number(), shop: z.string() });

export const orders = stream("orders", Order)
  .eventTime((order) => order.at, { outOfOrder: 0 })
  .filter("check", (order) => {
    if (refused.has(order.id)) throw new Error(`order ${order.id} is beyond me`);
    return true;
  })
  .keyBy((order) => order.shop)
  .window(tumbling("1m", { grace: "1m", keep: "30m" }))
  .aggregate("stats", { orders: count() })
  .map("document", ({ key: shop, ...stats }) => ({ id: stats.windowStart, shop, ...stats }))
  .to(cosmos({ databaseName: "test", containerName: "orders", partitionKey: "/shop" }));

app.eventHub("orders", handle(orders, { eventHubName: "orders", partitions: 2 }));
