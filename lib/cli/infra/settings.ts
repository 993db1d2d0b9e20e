import type { Manifest, ManifestSetting } from "./manifest.ts";

type Parts = Pick<Manifest, "hubs" | "containers" | "blobContainers" | "queues">;

/** What the Functions host itself reads, whatever the app does. */
const HOST: readonly ManifestSetting[] = [
  setting("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "insightsAuthentication", "host"),
  setting("APPLICATIONINSIGHTS_CONNECTION_STRING", "insightsConnection", "host"),
  // Each commit logs one line of numbers at this level, and alerts read it.
  setting("AzureFunctionsJobHost__logging__logLevel__Function", "debug", "host"),
  setting("AzureWebJobsStorage__accountName", "hostAccountName", "host"),
  setting("AzureWebJobsStorage__clientId", "clientId", "host"),
  setting("AzureWebJobsStorage__credential", "managedIdentity", "host"),
];

/** Every setting that the function app gets, by name; none holds a secret except those of Kafka, which point to the vault. */
export function settingsOf({ hubs, containers, blobContainers, queues }: Parts): ManifestSetting[] {
  const found = new Map(HOST.map((one) => [one.name, one]));
  const add = (one: ManifestSetting) => found.set(one.name, one);
  for (const { connection, kafka, name } of hubs) {
    if (kafka) for (const one of kafkaSettings(connection, name)) add(one);
    else for (const one of identitySettings(connection, "fullyQualifiedNamespace", "hubHost")) add(one);
  }
  for (const { connection } of containers) {
    for (const one of identitySettings(connection, "accountEndpoint", "cosmosEndpoint")) add(one);
  }
  for (const { connection } of blobContainers) {
    for (const one of identitySettings(connection, "blobServiceUri", "dataBlobEndpoint")) add(one);
  }
  for (const { connection } of queues) {
    for (const one of identitySettings(connection, "queueServiceUri", "dataQueueEndpoint")) add(one);
  }
  return [...found.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
}

function identitySettings(connection: string, suffix: string, source: ManifestSetting["source"]): ManifestSetting[] {
  return [
    setting(`${connection}__${suffix}`, source, "pipelines"),
    setting(`${connection}__credential`, "managedIdentity", "identity"),
    setting(`${connection}__clientId`, "clientId", "identity"),
  ];
}

/** The Kafka trigger takes a broker and, for each hub, a connection string as its password. */
function kafkaSettings(connection: string, hub: string): ManifestSetting[] {
  const word = hub.replaceAll(/[^A-Za-z0-9]/g, "_");
  return [
    setting(`${connection}__broker`, "kafkaBroker", "host"),
    { ...setting(`${connection}__password_${word}`, "kafkaSecret", "host"), hub },
  ];
}

function setting(name: string, source: ManifestSetting["source"], readBy: ManifestSetting["readBy"]): ManifestSetting {
  return { name, source, hub: "", readBy };
}
