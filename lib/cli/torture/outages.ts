import { setTimeout as sleep } from "node:timers/promises";
import type { InjectOptions } from "./inject.ts";
import type { Outage, OutageService } from "./schedule.ts";
import { until } from "./truce.ts";

const TITLES: Readonly<Record<OutageService, string>> = { azurite: "Azurite", cosmos: "Cosmos DB" };
const NAMES = { azurite: "storage", cosmos: "cosmos" } as const;

/** Lets a service be away for a while. */
export async function takeAway(options: InjectOptions, { service, ms }: Outage): Promise<void> {
  const { truce, cluster, signal } = options;
  // Before anybody has begun, it would only delay the beginning.
  await until(() => cluster.instances.some(({ committed }) => committed.size > 0), signal);
  await until(() => truce.over && !options.away.has(service), signal);
  options.counts.outages[service]++;
  options.onFault("outage", `stopped ${TITLES[service]} for ${(ms / 1000).toFixed(1)} s`);
  await away(options, service);
  await sleep(ms, undefined, { signal });
  await back(options, service);
}

/** Stops a service. */
export async function away(options: InjectOptions, service: OutageService): Promise<void> {
  options.away.add(service);
  await options.services.stopService(NAMES[service]);
}

/** Starts it again. */
export async function back(options: InjectOptions, service: OutageService): Promise<void> {
  await options.services.startService(NAMES[service]);
  options.away.delete(service);
}
