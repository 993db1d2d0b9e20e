export { partitionForKey } from "../../sources/partition-key.ts";
export type { HubDeclaration, Retention } from "./declaration.ts";
export type { HubFaults, PublishAttempt, PublishFault } from "./faults.ts";
export { type HubServer, type HubServerOptions, type HubStats, type PartitionInfo, startHubServer } from "./server.ts";
