/** The server that hub.ts measures, in a process of its own so that its processor time and memory are its own. */
import { startHubServer } from "../../lib/local/hub/index.ts";

const [dataFolder] = process.argv.slice(2);
const hubs = [
  { name: "load", partitions: 4 },
  { name: "warm-up", partitions: 1, retention: { bytes: 1000 } },
];
const server = await startHubServer({ hubs, port: 0, ...(dataFolder ? { dataFolder } : {}) });
process.on("message", async (request) => {
  if (request === "stop") {
    await server.stop();
    process.disconnect();
    return;
  }
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMicros: user + system, rss: process.memoryUsage.rss(), stats: server.stats() });
});
process.send?.(server.connectionString);
