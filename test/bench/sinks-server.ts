/** The services that test/bench/sinks.ts writes to, in a process of their own so that their CPU is told apart. */
import { startCosmosServer } from "../../lib/local/cosmos/index.ts";
import { startHubServer } from "../../lib/local/hub/index.ts";

const cosmos = await startCosmosServer({ port: 0 });
const hub = await startHubServer({ port: 0, hubs: [{ name: "legs", partitions: 4 }] });
for (const name of ["bulk", "create", "batch"]) cosmos.ensureContainer("bench", name, ["/origin"]);
process.send?.({ cosmos: cosmos.connectionString, hub: hub.connectionString });
process.on("message", () => process.send?.(process.cpuUsage()));
process.on("disconnect", () => process.exit());
