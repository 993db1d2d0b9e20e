/** The server that hub.ts measures, in a process of its own so that its processor time and memory are its own. */
import { startHubServer } from "../../lib/local/hub/index.ts";

const [dataFolder] = process.argv.slice(2);
const hubs = [{ name: "load", partitions: 4 }];
const server = await startHubServer({ hubs, port: 0, ...(dataFolder ? { dataFolder } : {}) });
process.on("message", async (request) => {
  if (request === "stop") {
    await server.stop();
    process.disconnect();
    return;
  }
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { user, system } = process.cpuUsage();
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  process.send?.({ cpuMicros: user + system, memory: heapUsed + arrayBuffers, rss, stats: server.stats() });
});
process.send?.(server.connectionString);
