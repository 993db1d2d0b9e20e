import type { Service, Settings } from "../../azure/settings.ts";
import { splitConnectionString } from "../../azure/settings.ts";

/** Where a connection leads. */
export interface Endpoint {
  readonly connection: string;
  readonly service: Service;
  readonly host: string;
  readonly port: number;
}

/** The two storage services: where the local one listens, and its part of a connection string and of a host name. */
const STORAGE = {
  "Blob Storage": { local: "http://127.0.0.1:10000", part: "BlobEndpoint", word: "blob" },
  "Queue Storage": { local: "http://127.0.0.1:10001", part: "QueueEndpoint", word: "queue" },
} as const;

/** The hosts and ports that an app's settings name. */
export function endpointsOf(settings: Settings): Endpoint[] {
  return [...settings].flatMap(([key, setting]) => {
    const [service = "", connection = ""] = key.split(": ");
    const address = setting.kind === "identity" ? setting.endpoint : addressOf(service as Service, setting.value);
    if (address === undefined) return [];
    const url = new URL(/^[a-z]+:\/\//.test(address) ? address : `amqps://${address}`);
    const place = { connection, service: service as Service, host: url.hostname.replace(/^\[|\]$/g, "") };
    return [{ ...place, port: Number(url.port) || defaultPort(url.protocol, setting) }];
  });
}

function addressOf(service: Service, text: string): string | undefined {
  const parts = splitConnectionString(text) ?? {};
  if (service === "Event Hubs") return parts.Endpoint;
  if (service === "Cosmos DB") return parts.AccountEndpoint;
  const { local, part, word } = STORAGE[service];
  if (parts.UseDevelopmentStorage === "true") return local;
  return (
    parts[part] ??
    (parts.AccountName && `https://${parts.AccountName}.${word}.${parts.EndpointSuffix ?? "core.windows.net"}`)
  );
}

function defaultPort(protocol: string, setting: { readonly kind: string; readonly emulator?: boolean }): number {
  if (protocol === "http:") return 80;
  if (protocol === "https:") return 443;
  // Event Hubs: AMQP over TLS, or in the clear on an emulator.
  return setting.emulator ? 5672 : 5671;
}

/** The host of a connection to a service, for messages. */
export function hostOf(settings: Settings | undefined, connection: string, service: Service): string {
  const all = settings ? endpointsOf(settings) : [];
  const found = all.find((endpoint) => endpoint.connection === connection && endpoint.service === service);
  return found ? found.host : connection;
}
