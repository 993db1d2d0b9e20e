/** The pipelines of functions/, the hub that each reads, and that hub's partitions. */
export const PIPELINES = [
  { name: "delays", hub: "flights" },
  { name: "legs", hub: "flights" },
  { name: "routes", hub: "legs" },
] as const;

export type PipelineName = (typeof PIPELINES)[number]["name"];

/** The hub that flights are published to, and its number of partitions. */
export const FLIGHTS_HUB = "flights";
export const FLIGHTS_PARTITIONS = 4;

/** Where the results are. */
export const RESULTS = { database: "analytics", delays: "delays", routes: "routes" } as const;
