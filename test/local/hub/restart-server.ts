/** A server in a process of its own, for tests that kill it. */
import { startHubServer } from "../../../lib/local/hub/index.ts";

const hubs = [{ name: "events", partitions: 2 }];
const server = await startHubServer({ hubs, port: 0, dataFolder: process.argv[2] as string });
process.on("disconnect", () => process.exit());
process.send?.(server.connectionString);
