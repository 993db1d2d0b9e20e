import * as z from "zod";
import { TidemarkError } from "../errors.ts";
import type { AppDescription } from "./app-description.ts";

export type Service = "Event Hubs" | "Cosmos DB" | "Blob Storage" | "Queue Storage";

/** That a connection is used, and by what. */
export interface SettingNeed {
  /** The name of a setting that holds a connection string, or the prefix of settings for an identity. */
  readonly name: string;
  readonly service: Service;
  readonly usedBy: string;
}

/** How to reach a service: by a connection string, or by an endpoint and the app's identity. */
export type ServiceSetting =
  | { readonly kind: "connection string"; readonly value: string; readonly emulator: boolean }
  | { readonly kind: "identity"; readonly endpoint: string; readonly identity: Identity };

export interface Identity {
  /** True for a managed identity and nothing else; otherwise whatever identity the environment offers. */
  readonly managed: boolean;
  /** Of a user-assigned identity. */
  readonly clientId: string | undefined;
}

export type Settings = ReadonlyMap<string, ServiceSetting>;
export type Environment = Readonly<Record<string, string | undefined>>;

/** The connections that an app's functions use, each once. */
export function needsOf(app: AppDescription): readonly SettingNeed[] {
  const needs = new Map<string, SettingNeed>();
  const need = (service: Service, name: string, usedBy: string) => {
    if (!needs.has(settingKey(service, name))) needs.set(settingKey(service, name), { name, service, usedBy });
  };
  for (const one of app.functions) {
    need("Event Hubs", one.connection, `the trigger of "${one.name}"`);
    need("Blob Storage", one.storageConnection, `the checkpoints of "${one.name}"`);
    for (const sink of one.sinks) {
      const service = SERVICES[sink.kind];
      if (service && "connection" in sink) need(service, sink.connection, `a sink of "${one.name}"`);
    }
    for (const { name, target } of one.tables) {
      const service = SERVICES[target.kind];
      if (service && target.kind !== "memory") need(service, target.connection, `table "${name}"`);
    }
  }
  for (const { connection, purpose } of app.queues) need("Queue Storage", connection, `the queue of ${purpose}`);
  return [...needs.values()];
}

const SERVICES: Record<"eventHub" | "cosmos" | "blob" | "memory" | "custom", Service | undefined> = {
  eventHub: "Event Hubs",
  cosmos: "Cosmos DB",
  blob: "Blob Storage",
  memory: undefined,
  custom: undefined,
};

/** The key of a connection in `Settings`. */
export function settingKey(service: Service, name: string): string {
  return `${service}: ${name}`;
}

/** Reads and checks settings; throws one CONFIGURATION error that lists every problem and never a value. */
export function readSettings(needs: readonly SettingNeed[], environment: Environment): Settings {
  const settings = new Map<string, ServiceSetting>();
  const problems: string[] = [];
  for (const need of needs) {
    const result = readSetting(need, environment);
    if (typeof result === "string") problems.push(result);
    else settings.set(settingKey(need.service, need.name), result);
  }
  if (problems.length === 0) return settings;
  const count = problems.length === 1 ? "a problem" : `${problems.length} problems`;
  throw new TidemarkError(
    "CONFIGURATION",
    [`The app's settings have ${count}:`, ...problems.map((one) => `- ${one}`), ""].join("\n"),
    { fix: "Locally, settings are in local.settings.json or the environment; in Azure, in the function app." },
  );
}

interface ServiceForm {
  /** Checks the parts of a connection string. */
  readonly parts: z.ZodType;
  /** Suffixes of the setting that holds an endpoint, the preferred one first. */
  readonly suffixes: readonly string[];
  readonly endpoint: z.ZodType<string>;
  /** For messages: what an endpoint looks like. */
  readonly example: string;
}

const HTTP_ADDRESS = z.url({ protocol: /^https?$/, error: "is not an http or https address" });

type Parts = Readonly<Record<string, string>>;
type Report = (name: string, message?: string) => void;

/** Connection strings are checked as a whole, so that every problem is found at once. */
function parts(check: (parts: Parts, problem: Report) => void): z.ZodType {
  return z.record(z.string(), z.string()).superRefine((value, context) => {
    check(value, (name, message = "is missing") => context.addIssue({ code: "custom", path: [name], message }));
  });
}

function storageParts(endpoint: string): z.ZodType {
  return parts((value, problem) => {
    if (value.UseDevelopmentStorage === "true") return;
    if (!value.AccountName && !value[endpoint]) problem("AccountName");
    if (!value.AccountKey && !value.SharedAccessSignature) problem("AccountKey");
  });
}

const FORMS: Record<Service, ServiceForm> = {
  "Event Hubs": {
    parts: parts((value, problem) => {
      if (!value.Endpoint) problem("Endpoint");
      else if (!/^sb:\/\/[^/]+\/?$/.test(value.Endpoint)) problem("Endpoint", 'does not look like "sb://NAMESPACE/"');
      if (value.EntityPath) problem("EntityPath", "must not be there, because functions name their hubs themselves");
      if (value.SharedAccessSignature) return;
      if (!value.SharedAccessKeyName) problem("SharedAccessKeyName");
      if (!value.SharedAccessKey) problem("SharedAccessKey");
    }),
    suffixes: ["fullyQualifiedNamespace"],
    endpoint: z.string().regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/i, "is not a host name"),
    example: "NAMESPACE.servicebus.windows.net",
  },
  "Cosmos DB": {
    parts: parts((value, problem) => {
      if (!value.AccountEndpoint) problem("AccountEndpoint");
      else if (!HTTP_ADDRESS.safeParse(value.AccountEndpoint).success) {
        problem("AccountEndpoint", "is not an http or https address");
      }
      if (!value.AccountKey) problem("AccountKey");
    }),
    suffixes: ["accountEndpoint"],
    endpoint: HTTP_ADDRESS,
    example: "https://ACCOUNT.documents.azure.com:443/",
  },
  "Blob Storage": {
    parts: storageParts("BlobEndpoint"),
    suffixes: ["blobServiceUri", "serviceUri"],
    endpoint: HTTP_ADDRESS,
    example: "https://ACCOUNT.blob.core.windows.net",
  },
  "Queue Storage": {
    parts: storageParts("QueueEndpoint"),
    suffixes: ["queueServiceUri"],
    endpoint: HTTP_ADDRESS,
    example: "https://ACCOUNT.queue.core.windows.net",
  },
};

function readSetting({ name, service, usedBy }: SettingNeed, environment: Environment): ServiceSetting | string {
  const form = FORMS[service];
  const text = environment[name]?.trim();
  if (text) return readConnectionString(name, text, form);
  const suffix = form.suffixes.find((one) => environment[`${name}__${one}`]?.trim()) ?? form.suffixes[0];
  const endpointName = `${name}__${suffix}`;
  const endpoint = environment[endpointName]?.trim();
  if (!endpoint) {
    return (
      `${name} is not set, and ${usedBy} needs it. Set it to a connection string of ${service}, ` +
      `or ${endpointName} to the endpoint (${form.example}) to use the app's identity.`
    );
  }
  const checked = form.endpoint.safeParse(endpoint);
  if (!checked.success) {
    return `${endpointName} ${checked.error.issues[0]?.message}. Write it like ${form.example}.`;
  }
  const identity = readIdentity(name, environment);
  return typeof identity === "string" ? identity : { kind: "identity", endpoint, identity };
}

function readConnectionString(name: string, text: string, form: ServiceForm): ServiceSetting | string {
  const parts = splitConnectionString(text);
  const checked = parts ? form.parts.safeParse(parts) : undefined;
  if (!parts || !checked) {
    return `${name} is not a connection string. Copy it from the portal, or set ${name}__${form.suffixes[0]} instead.`;
  }
  if (checked.success) return { kind: "connection string", value: text, emulator: isEmulator(parts) };
  const wrong = checked.error.issues.map((issue) => `its ${issue.path.join(".")} ${issue.message}`);
  return `${name} is not usable: ${wrong.join(", ")}. Copy the connection string from the portal once more.`;
}

/** `A=1;B=x=y;` → { A: "1", B: "x=y" }; undefined when a part has no "=". */
export function splitConnectionString(text: string): Record<string, string> | undefined {
  const parts: Record<string, string> = {};
  for (const part of text.split(";").filter((one) => one.trim() !== "")) {
    const at = part.indexOf("=");
    if (at <= 0) return undefined;
    parts[part.slice(0, at).trim()] = part.slice(at + 1).trim();
  }
  return parts;
}

function isEmulator(parts: Record<string, string>): boolean {
  if (parts.UseDevelopmentEmulator === "true" || parts.UseDevelopmentStorage === "true") return true;
  const endpoint = parts.AccountEndpoint ?? parts.BlobEndpoint ?? "";
  return /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])[:/]/.test(`${endpoint}/`);
}

function readIdentity(name: string, environment: Environment): Identity | string {
  const credential = environment[`${name}__credential`]?.trim().toLowerCase();
  const clientId = environment[`${name}__clientId`]?.trim() || undefined;
  if (credential && credential !== "managedidentity") {
    return `${name}__credential is not usable. Set it to "managedidentity" or leave it out.`;
  }
  if (clientId && !z.guid().safeParse(clientId).success) {
    return `${name}__clientId is not a client id. Copy the client id (a GUID) of the identity from the portal.`;
  }
  return { managed: credential !== undefined && credential !== "", clientId };
}
