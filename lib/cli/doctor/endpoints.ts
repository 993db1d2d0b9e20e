import type { Service, Settings } from "../../azure/settings.ts";
import { splitConnectionString } from "../../azure/settings.ts";

/** Where a connection leads. */
export interface Endpoint {
  readonly connection: string;
  readonly service: Service;
  readonly host: string;
  readonly port: number;
}

const DEVELOPMENT_STORAGE = "http://127.0.0.1:10000";

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
  if (parts.UseDevelopmentStorage === "true") return DEVELOPMENT_STORAGE;
  return (
    parts.BlobEndpoint ??
    (parts.AccountName && `https://${parts.AccountName}.blob.${parts.EndpointSuffix ?? "core.windows.net"}`)
  );
}

function defaultPort(protocol: string, setting: { readonly kind: string; readonly emulator?: boolean }): number {
  if (protocol === "http:") return 80;
  if (protocol === "https:") return 443;
  // Event Hubs: AMQP over TLS, or in the clear on an emulator.
  return setting.emulator ? 5672 : 5671;
}

/** The host of a connection, for messages. */
export function hostOf(settings: Settings | undefined, connection: string): string {
  const found = settings && endpointsOf(settings).find((endpoint) => endpoint.connection === connection);
  return found ? found.host : connection;
}
