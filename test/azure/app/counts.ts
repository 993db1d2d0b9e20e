import { app } from "@azure/functions";
import { cosmos, cosmosTable, handle, stream, table, toHub } from "tidemark";
import { z } from "zod";

const Click = z.object({ page: z.string() });
const pages = table("pages", z.object({ id: z.string() }), {
  key: (page) => page.id,
  from: cosmosTable({ databaseName: "site", containerName: "pages" }),
});

const counts = stream("counts", Click)
  .joinTable("page", pages, (click) => ({ id: click.page, ...click }), { on: (click) => click.page })
  .to(cosmos({ databaseName: "site", containerName: "counts", partitionKey: "/page" }));
app.eventHub("counts", handle(counts, { eventHubName: "clicks", partitions: 8, consumerGroup: "c" }));

const copies = stream("copies", Click).to(toHub({ eventHubName: "copies", partitions: 2, key: (click) => click.page }));
app.eventHub("copies", handle(copies, { connection: "Other", eventHubName: "clicks", storage: "Logs" }));
