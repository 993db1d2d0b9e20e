import { app } from "@azure/functions";
import { count, files, handle, stream, sum, tumbling } from "tidemark";
import { z } from "zod";

const Order = z.object({ id: z.string(), at: z.string(), shop: z.string(), amount: z.number() });

const orders = (name: string) => stream(name, Order).eventTime((order) => order.at, { outOfOrder: "1m" });

/** Every order as it came: a file for each hour. */
export const archive = orders("archive").to(files({ container: "archive", path: "orders", roll: "folder" }));

/** What each shop sold in an hour, as Parquet. */
export const sales = orders("sales")
  .keyBy((order) => order.shop)
  .window(tumbling("1h", { grace: "1h" }))
  .aggregate("stats", { orders: count(), revenue: sum((order) => order.amount) })
  .to(
    files({
      connection: "ReportStorage",
      container: "reports",
      partitionBy: "day",
      format: "parquet",
      columns: { key: "string", windowStart: "timestamp", windowEnd: "timestamp", orders: "int32", revenue: "double" },
      key: (row) => `${row.key} ${row.windowStart}`,
    }),
  );

app.eventHub("archive", handle(archive, { eventHubName: "orders", partitions: 2 }));
app.eventHub("sales", handle(sales, { eventHubName: "orders", partitions: 2 }));
