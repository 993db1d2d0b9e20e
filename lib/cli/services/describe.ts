import { type ServiceName, WELL_KNOWN_PORTS } from "./ports.ts";
import type { Services } from "./start-services.ts";

const TITLES: Readonly<Record<ServiceName, string>> = {
  hub: "Event Hubs",
  cosmos: "Cosmos DB",
  blob: "Blob storage",
  queue: "Queue storage",
  table: "Table storage",
};

/** A line for each service: where it listens, and why not on its well-known port. */
export function describeServices(services: Services): string[] {
  return (Object.keys(TITLES) as ServiceName[]).map((name) => {
    const scheme = name === "hub" ? "amqp" : "http";
    const line = `${TITLES[name].padEnd(13)}  ${scheme}://localhost:${services.ports[name]}`;
    return services.moved.includes(name) ? `${line} (port ${WELL_KNOWN_PORTS[name]} is taken)` : line;
  });
}
