/** The process that holds the function app. Everything it knows of the world comes from the host, over file descriptor 3. */
import { Socket } from "node:net";
import { messageOf } from "../../../errors.ts";
import type { LogLevel } from "../events.ts";
import { FramedChannel } from "../framed-channel.ts";
import type { HostMessage, WorkerMessage } from "../protocol.ts";
import { type AppRegistry, describeFunction, provideCoreModule } from "./core-module.ts";
import { appHookData, type Call, failureOf, hookContext, invoke, readCall, runHooks } from "./invoke.ts";
import { loadApp } from "./load-app.ts";

const socket = new Socket({ fd: 3 });
const channel = new FramedChannel<HostMessage, WorkerMessage>(socket, receive);
// A worker without a host has nobody to work for.
socket.on("close", () => process.exit(1));
// A terminal sends Ctrl-C to the whole group; the host drains and then ends its worker.
process.on("SIGINT", () => {});

const appOnlyHookData = {};
let app: AppRegistry;

function receive(message: HostMessage, blob: Buffer): void {
  if (message.kind === "load") void load(message.appFolder, message.hostVersion);
  else if (message.kind === "invoke") void run(readCall(message, blob));
  else void terminate();
}

async function load(appFolder: string, hostVersion: string): Promise<void> {
  try {
    app = provideCoreModule(hostVersion, (level, category, message) => {
      log({ level, category, message, hookData: appOnlyHookData });
    });
    await loadApp(appFolder);
    const context = hookContext({ hookData: appOnlyHookData, appHookData });
    await runHooks(app, "appStart", Object.assign(context, { functionAppDirectory: appFolder }));
    const capabilities = (await app.model?.getCapabilities?.({ ...CAPABILITIES })) ?? {};
    app.locked = true;
    const functions = [...app.functions.values()].map(({ metadata }) => describeFunction(metadata));
    channel.send({ kind: "loaded", functions, capabilities });
  } catch (error) {
    channel.send({ kind: "load-failed", message: messageOf(error) });
  }
}

const CAPABILITIES = {
  RawHttpBodyBytes: "true",
  RpcHttpTriggerMetadataRemoved: "true",
  RpcHttpBodyOnly: "true",
  IgnoreEmptyValuedRpcHttpHeaders: "true",
  UseNullableValueDictionaryForHttp: "true",
  WorkerStatus: "true",
  TypedDataCollection: "true",
  HandlesWorkerTerminateMessage: "true",
};

async function run(call: Call): Promise<void> {
  const { invocationId, functionId } = call;
  const functionName = app.functions.get(functionId)?.metadata.name ?? functionId;
  try {
    const result = await invoke(app, call, (context, hookData) => (level, category, text) => {
      log({ level, category, message: text, hookData, invocationContext: context(), invocationId, functionName });
    });
    channel.send({ kind: "result", invocationId, result });
  } catch (error) {
    channel.send({ kind: "failure", invocationId, failure: failureOf(error) });
  }
}

interface LogCall {
  readonly level: LogLevel;
  readonly category: string;
  readonly message: string;
  readonly hookData: object;
  readonly invocationContext?: unknown;
  readonly invocationId?: string;
  readonly functionName?: string;
}

function log(call: LogCall): void {
  const { level, category, message, hookData, invocationContext, invocationId, functionName } = call;
  const context = hookContext({ hookData, appHookData, invocationContext, category });
  const changeable = Object.assign(context, { level, message });
  for (const hook of app.hooks.log) hook(changeable);
  const user = category === "user";
  const name = functionName === undefined ? "Worker" : `Function.${functionName}`;
  channel.send({
    kind: "log",
    // Hooks may change what the app logs, not what the system logs.
    level: user ? changeable.level : level,
    message: user ? changeable.message : message,
    category: user ? `${name}.User` : name,
    invocationId,
    functionName,
  });
}

async function terminate(): Promise<void> {
  try {
    await runHooks(app, "appTerminate", hookContext({ hookData: appOnlyHookData, appHookData }));
  } finally {
    process.exit(0);
  }
}
