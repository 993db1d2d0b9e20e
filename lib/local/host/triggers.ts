import { TidemarkError } from "../../errors.ts";
import type { SettingsReader } from "./config/settings.ts";
import type { EventHubTrigger } from "./event-hubs/listener.ts";
import type { HttpTrigger } from "./http/listener.ts";
import type { Binding, FunctionMetadata } from "./protocol.ts";
import type { QueueTrigger } from "./queue/listener.ts";
import type { TimerTrigger } from "./timer/listener.ts";

/** What feeds the functions of an app, by kind. */
export interface Triggers {
  readonly eventHubs: EventHubTrigger[];
  readonly http: HttpTrigger[];
  readonly timers: TimerTrigger[];
  readonly queues: QueueTrigger[];
}

/** Reads the triggers of all functions; missing settings are left for `settings.check()` to report together. */
export function readTriggers(functions: readonly FunctionMetadata[], settings: SettingsReader): Triggers {
  const triggers: Triggers = { eventHubs: [], http: [], timers: [], queues: [] };
  for (const func of functions) addTrigger(triggers, func, settings);
  return triggers;
}

function addTrigger(triggers: Triggers, func: FunctionMetadata, settings: SettingsReader): void {
  const binding = func.bindings.find(({ type }) => type.toLowerCase().endsWith("trigger"));
  if (binding === undefined) throw unsupported(func, "it has no trigger");
  const inputs = func.bindings.filter((other) => other !== binding && other.direction === "in");
  if (inputs[0] !== undefined) throw unsupported(func, `it has an input binding of type "${inputs[0].type}"`);
  const type = binding.type.toLowerCase();
  if (type === "eventhubtrigger") triggers.eventHubs.push(eventHubTrigger(func, binding, settings));
  else if (type === "httptrigger") triggers.http.push(httpTrigger(func, binding));
  else if (type === "timertrigger") triggers.timers.push(timerTrigger(func, binding, settings));
  else if (type === "queuetrigger") triggers.queues.push(queueTrigger(func, binding, settings));
  else throw unsupported(func, `it is started by a "${binding.type}"`);
}

function eventHubTrigger(func: FunctionMetadata, binding: Binding, settings: SettingsReader): EventHubTrigger {
  const connectionString = settings.connection(required(func, binding, "connection"), func.name);
  // A hub named in the connection string wins over the binding's.
  const entityPath = /(?:^|;)EntityPath=([^;]+)/i.exec(connectionString)?.[1];
  const named = settings.option(binding, "eventHubName", func);
  return {
    func,
    bindingName: binding.name,
    connectionString: connectionString.replace(/;?EntityPath=[^;]+/i, ""),
    eventHubName: entityPath ?? named ?? required(func, binding, "eventHubName"),
    consumerGroup: settings.option(binding, "consumerGroup", func) ?? "$Default",
    single: String(binding.cardinality ?? "one").toLowerCase() !== "many",
    dataType: dataTypeOf(binding),
  };
}

function dataTypeOf(binding: Binding): EventHubTrigger["dataType"] {
  const dataType = String(binding.dataType ?? "").toLowerCase();
  if (dataType === "binary" || dataType === "string") return dataType;
  return "json";
}

function httpTrigger(func: FunctionMetadata, binding: Binding): HttpTrigger {
  const route = typeof binding.route === "string" ? binding.route : func.name;
  const methods = Array.isArray(binding.methods) ? binding.methods.map(String) : ["GET", "POST"];
  return { func, bindingName: binding.name, route, methods };
}

function timerTrigger(func: FunctionMetadata, binding: Binding, settings: SettingsReader): TimerTrigger {
  const schedule = settings.option(binding, "schedule", func) ?? required(func, binding, "schedule");
  return { func, bindingName: binding.name, schedule, runOnStartup: binding.runOnStartup === true };
}

function queueTrigger(func: FunctionMetadata, binding: Binding, settings: SettingsReader): QueueTrigger {
  const connection = typeof binding.connection === "string" ? binding.connection : "AzureWebJobsStorage";
  return {
    func,
    bindingName: binding.name,
    connectionString: settings.connection(connection, func.name),
    queueName: settings.option(binding, "queueName", func) ?? required(func, binding, "queueName"),
    binary: String(binding.dataType ?? "").toLowerCase() === "binary",
  };
}

function required(func: FunctionMetadata, binding: Binding, option: string): string {
  const value = binding[option];
  if (typeof value === "string" && value !== "") return value;
  throw new TidemarkError("CONFIGURATION", `Function ${func.name} has no "${option}" in its ${binding.type}.`);
}

function unsupported(func: FunctionMetadata, why: string): TidemarkError {
  return new TidemarkError("UNSUPPORTED", `The local host can't run function ${func.name}: ${why}.`, {
    fix: "It runs Event Hubs, HTTP, timer and storage queue triggers, with queue, eventHub and http outputs.",
  });
}
