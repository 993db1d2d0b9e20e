import type { CosmosClientOptions } from "@azure/cosmos";

/**
 * How a CosmosClient should be made for the sink, beside endpoint and credential: retries are the sink's own, which
 * know the frame's deadline, and everything goes to the account's global endpoint, which is where writes go anyway.
 */
export const COSMOS_CLIENT_OPTIONS: Pick<CosmosClientOptions, "connectionPolicy"> = {
  connectionPolicy: {
    requestTimeout: 20_000,
    enableEndpointDiscovery: false,
    enableBackgroundEndpointRefreshing: false,
    enablePartitionLevelFailover: false,
    retryOptions: { maxRetryAttemptCount: 0, fixedRetryIntervalInMilliseconds: 0, maxWaitTimeInSeconds: 0 },
  },
};
